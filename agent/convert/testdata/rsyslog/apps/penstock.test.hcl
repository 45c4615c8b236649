case "an access that failed, from outside" {
  input = input.tail.shop_2
  lines = ["192.0.2.7 - - \"GET /login HTTP/1.1\" 500 17"]
  expect { to = [output.kafka.kafka_4, output.kafka.kafka_5, output.kafka.kafka_6] }
}
case "one from inside that goes no further" {
  input = input.tail.shop_2
  lines = ["10.1.2.3 - - \"GET /admin/ HTTP/1.1\" 200 17"]
  expect { to = [] }
}
case "one that is fine" {
  input = input.tail.shop_2
  lines = ["192.0.2.7 - - \"GET /login HTTP/1.1\" 200 17"]
  expect { topic = "access" }
}
case "an audit" {
  input = input.tail.shop
  lines = ["{\"kind\":\"audit\",\"actor\":\"Ada\"}", "{\"kind\":\"audit\",\"level\":\"debug\"}"]
  expect { topic = "audit" }
  discarded = 1
}
case "without anybody it is none" {
  input = input.tail.shop
  lines = ["{\"kind\":\"audit\"}"]
  expect { topic = "shop" }
}
case "an event of a batch job" {
  input = input.tail.batch
  lines = ["started", "  with two lines"]
  expect { to = [output.file.file_2] }
}
