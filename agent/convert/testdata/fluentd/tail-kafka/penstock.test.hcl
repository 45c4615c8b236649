env = { KAFKA_1 = "kafka-1" }

case "a topic of its own, and the default" {
  path = "/var/log/app/web.log"
  lines = [
    "{\"ts\":\"2024-02-29T10:00:00.250+0000\",\"topic\":\"audit\",\"user\":\"u1\"}",
    "{\"ts\":\"2024-02-29T10:00:00.250+0000\"}",
  ]
  expect {
    value = { ts = "2024-02-29T10:00:00.250+0000", topic = "audit", user = "u1" }
    time  = "2024-02-29T10:00:00.25Z"
    tag   = "app.var.log.app.web.log"
    topic = "audit"
    key   = "u1"
  }
  expect { topic = "app-logs" }
}
