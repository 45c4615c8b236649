case "the first rule that holds gives the tag" {
  tag   = "raw.app"
  time  = "2024-02-29T10:00:00Z"
  lines = ["{\"level\":\"fatal\",\"user\":{\"kind\":\"robot\"}}"]
  expect {
    to      = [output.kafka.alerts]
    headers = { new_tag = "alert.app.fatal" }
    topic   = "alerts"
  }
}
case "a rule that is inverted, and a filter for its tag" {
  tag   = "raw.app"
  lines = ["{\"level\":\"info\",\"status\":404}"]
  expect {
    to    = [output.file.rest]
    value = { level = "info", status = 404, odd = "yes" }
  }
}
case "a tag that is written out" {
  tag   = "raw.app"
  lines = ["{\"user\":{\"kind\":\"robot\"}}"]
  expect {
    to    = [output.file.rest]
    value = { user = { kind = "robot" } }
  }
}
case "what no rule takes, and nothing else" {
  tag   = "raw.app"
  lines = ["{\"level\":\"info\",\"status\":200}"]
  expect { to = [] }
}
