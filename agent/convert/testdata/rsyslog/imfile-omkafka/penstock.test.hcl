case "lines stay lines" {
  lines = ["GET /"]
  expect {
    value = "GET /"
    tag   = "nginx"
    topic = "nginx"
  }
}
