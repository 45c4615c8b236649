env = { ES_PASSWORD = "any" }

case "an access log's line, as fluentd's documentation has it" {
  input     = input.tail.access
  lines     = [
    "127.0.0.1 192.168.0.1 - [28/Feb/2013:12:00:00 +0900] \"GET / HTTP/1.1\" 200 777 \"-\" \"Opera/12.0\" -",
    "127.0.0.1 192.168.0.1 - [28/Feb/2013:12:00:00 +0900] \"GET /health HTTP/1.1\" 200 777 \"-\" \"Opera/12.0\" -",
  ]
  discarded = 1
  expect {
    value = {
      remote = "127.0.0.1", host = "192.168.0.1", user = "-", method = "GET", path = "/", code = "200", size = "777",
      referer = "-", agent = "Opera/12.0", http_x_forwarded_for = "-", service = "web",
    }
    time  = "2013-02-28T03:00:00Z"
    index = "web-2013.02.28"
    to    = [output.elasticsearch.elasticsearch]
  }
}
case "errors are copied, without what the other label adds" {
  input = input.tail.error
  lines = ["oops"]
  expect {
    value = { message = "oops" }
    to    = [output.stdout.stdout, output.file.file]
  }
}
