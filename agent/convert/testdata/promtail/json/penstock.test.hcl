case "labels are headers" {
  lines = ["{\"level\":\"info\",\"time\":\"2024-02-29T10:00:00Z\",\"ctx\":{\"user\":\"me\"}}"]
  expect {
    fields  = { level = "info", user = "me" }
    time    = "2024-02-29T10:00:00Z"
    headers = { level = "info", who = "me", env = "prod", job = "app" }
  }
}
