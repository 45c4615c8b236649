env = { KAFKA_1 = "kafka-1", KAFKA_USER = "me" }

case "a line of JSON" {
  path  = "/var/log/app/web.log"
  lines = ["{\"time\":\"2024-02-29T10:00:00.250+0000\",\"user\":\"u1\"}"]
  expect {
    value = { time = "2024-02-29T10:00:00.250+0000", user = "u1" }
    time  = "2024-02-29T10:00:00.25Z"
    tag   = "app.var.log.app.web.log"
    topic = "app-logs"
    key   = "u1"
  }
}
