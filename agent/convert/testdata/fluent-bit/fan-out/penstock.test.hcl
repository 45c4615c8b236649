env = { ES_PASSWORD = "any" }

case "all who match get it" {
  tag   = "app.error"
  time  = "2024-02-29T10:00:00Z"
  lines = ["{\"a\":1}"]
  expect {
    to    = [output.stdout.stdout, output.elasticsearch.elasticsearch, output.http.http]
    index = "app-2024.02.29"
  }
}
case "and others do not" {
  tag   = "debug"
  lines = ["{\"a\":1}"]
  expect { to = [output.stdout.stdout] }
}
