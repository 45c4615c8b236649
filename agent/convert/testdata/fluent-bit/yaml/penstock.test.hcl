case "an access log's line" {
  lines = ["web-1 200"]
  expect {
    value = { host = "web-1", code = 200, stage = "prod", service = "web" }
    topic = "access"
  }
}
