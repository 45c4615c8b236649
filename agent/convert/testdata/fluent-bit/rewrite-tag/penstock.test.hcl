case "a record that is moved" {
  tag   = "app"
  lines = ["{\"level\":\"error\"}"]
  expect {
    to      = [output.kafka.kafka]
    headers = { new_tag = "alerts.app.error" }
    value   = { level = "error", page = "on-call" }
    topic   = "alerts"
  }
}
case "a text that is copied" {
  tag   = "app"
  lines = ["{\"audit\":\"true\"}"]
  expect {
    to = [output.kafka.kafka_2, output.kafka.kafka_3]
  }
}
case "another one" {
  tag   = "app"
  lines = ["{\"level\":\"info\"}"]
  expect { to = [output.kafka.kafka_3] }
}
