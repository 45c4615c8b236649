case "an access log's line, as fluentd's documentation has it" {
  lines     = [
    "192.168.0.1 - - [28/Feb/2013:12:00:00 +0900] \"GET / HTTP/1.1\" 200 777",
    "192.168.0.1 - - [28/Feb/2013:12:00:00 +0900] \"POST / HTTP/1.1\" 200 777",
    "192.168.0.1 - - [28/Feb/2013:12:00:00 +0900] \"GET /a.png HTTP/1.1\" 200 777",
  ]
  discarded = 2
  expect {
    value = { host = "192.168.0.1", user = "-", method = "GET", path = "/", code = 200, size = 777 }
    time  = "2013-02-28T03:00:00Z"
    topic = "httpd"
  }
}
