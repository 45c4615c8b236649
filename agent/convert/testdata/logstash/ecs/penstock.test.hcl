case "an access" {
  lines = ["192.0.2.7 - - [11/Dec/2013:00:01:45 -0800] \"GET /x HTTP/1.1\" 500 3891 \"-\" \"curl\""]
  expect {
    value = {
      message = "192.0.2.7 - - [11/Dec/2013:00:01:45 -0800] \"GET /x HTTP/1.1\" 500 3891 \"-\" \"curl\""
      timestamp = "11/Dec/2013:00:01:45 -0800", client = "192.0.2.7", severity = "high"
      http = { request = { method = "GET" }, version = "1.1", response = { status_code = 500, body = { bytes = 3891 } } }
      url = { original = "/x" }, user_agent = { original = "curl" }, source = {}
    }
  }
}
case "names that the pattern itself writes" {
  lines = ["x 7"]
  expect { value = { message = "x 7", "a.b" = "x", own = { n = 7 } } }
}
