env = { BROKER = "kafka-1" }

case "headers and topic are those of the file group" {
  path  = "/var/log/app/x.log"
  lines = ["hello"]
  expect {
    value   = "hello"
    topic   = "logs-app"
    headers = { kind = "app", team = "blue", file = "/var/log/app/x.log" }
  }
}
case "of the other one" {
  path  = "/var/log/web/example.log"
  lines = ["hello"]
  expect { topic = "logs-example" }
}
