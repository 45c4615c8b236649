env = {
  TAG = "blue"
}

case "a line of the narrower tag is parsed once" {
  input = input.tail.web
  path  = "/var/log/web/a.log"
  lines = ["{\"a\":1}"]
  expect { value = { web = "{\"a\":1}" } }
}

case "so is one of the wider tag" {
  input = input.tail.app
  path  = "/var/log/app/a.log"
  lines = ["hello"]
  expect { value = { whole = "hello" } }
}

case "the time of lines is that of the source which has it" {
  input = input.tcp.tcp
  lines = ["{\"time\":\"2026-01-01T00:00:00Z\"}"]
  expect { value = { time = "2026-01-01T00:00:00Z" } }
}
