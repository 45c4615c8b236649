env = {
  TAG = "blue"
}

case "a line of the narrower tag is parsed once" {
  input = input.tail.app_web
  path  = "/var/log/web/a.log"
  lines = ["hello"]
  expect { value = { log = "hello" } }
}

case "so is one of the wider tag" {
  input = input.tail.app
  path  = "/var/log/app/a.log"
  lines = ["hello"]
  expect { value = { log = "hello" } }
}

case "inputs without a tag are told apart" {
  input = input.tail.tail_2
  path  = "/var/log/second.log"
  lines = ["{\"a\":1}"]
  expect {
    tag   = "tail.3"
    value = { log = "{\"a\":1}" }
  }
}

case "the tag of the environment is that of one input" {
  input = input.tail.tail_3
  path  = "/var/log/env.log"
  lines = ["hello"]
  expect {
    tag   = "blue"
    value = { text = "hello" }
  }
}

case "what others give is not read as its lines" {
  input = input.tcp.tcp
  lines = ["hello"]
  expect {
    tag   = "tcp.0"
    value = { log = "hello" }
  }
}
