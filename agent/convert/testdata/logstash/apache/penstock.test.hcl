case "an access" {
  lines = ["127.0.0.1 - - [11/Dec/2013:00:01:45 -0800] \"GET /xampp/status.php HTTP/1.1\" 200 3891 \"http://cadenza/xampp/navi.php\" \"Mozilla/5.0\""]
  expect {
    fields = { type = "apache_access", timestamp = "11/Dec/2013:00:01:45 -0800" }
    time   = "2013-12-11T08:01:45Z"
    index  = "logstash-2013.12.11"
  }
}
case "an error" {
  lines = ["[Fri Dec 16 01:46:23 2005] [error] oops"]
  expect { fields = { type = "apache_error", message = "[Fri Dec 16 01:46:23 2005] [error] oops" } }
}
