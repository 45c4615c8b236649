case "a topic is chosen by the path" {
  input = input.tail.log_1
  path  = "/var/log/web/error.log"
  lines = ["hello"]
  expect {
    value = { message = "hello", log = { file = { path = "/var/log/web/error.log" } } }
    topic = "errors"
  }
}

case "a file is dropped by it" {
  input     = input.tail.log_1
  path      = "/var/log/web/debug.log"
  lines     = ["hello"]
  discarded = 1
}
