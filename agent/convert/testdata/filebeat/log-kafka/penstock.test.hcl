env = { KAFKA_PASSWORD = "x" }

case "a line is the message" {
  input = input.tail.log_1
  lines = ["GET /"]
  expect {
    value = { message = "GET /", fields = { log_topic = "nginx", level = 3 } }
    topic = "nginx"
    key   = "3"
  }
}
case "an event of several lines" {
  input = input.tail.log_2
  lines = ["2024-01-01 boom", " at x", "2024-01-02 ok"]
  expect {
    fields = { message = "2024-01-01 boom\n at x" }
    topic  = "java"
  }
  expect { fields = { message = "2024-01-02 ok" } }
}
