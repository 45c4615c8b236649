case "an access" {
  input = input.tail.nginx
  lines = [
    "192.0.2.7 - ada [29/Feb/2024:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 12 \"http://r/\" \"a bot\"",
    "192.0.2.7 - - [29/Feb/2024:10:00:00 +0000] \"GET /health HTTP/1.1\" 200 12 \"-\" \"curl\"",
  ]
  discarded = 1
  expect {
    value = {
      client = "192.0.2.7", user = "ada", timestamp = "29/Feb/2024:10:00:00 +0000", request = "GET /x HTTP/1.1"
      method = "GET", path = "/x", protocol = "HTTP/1.1", status = 200, size = 12, referer = "http://r/"
      agent  = "a bot", bot = true
    }
    time = "2024-02-29T10:00:00Z"
  }
}
case "what is no access stays" {
  input = input.tail.nginx
  lines = ["a line"]
  expect { fields = { message = "a line" } }
}
case "an error" {
  input = input.tail.errors
  lines = ["2024/02/29 10:00:00 [crit] 31#31: *1 open() failed, client: 192.0.2.7, server: h, request: \"GET / HTTP/1.1\""]
  expect { fields = { bad = true } }
}
case "an access to Apache" {
  input = input.tail.apache
  lines = ["192.0.2.7 - - [29/Feb/2024:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 1200 \"-\" \"curl\""]
  expect {
    value = {
      host = "192.0.2.7", timestamp = "29/Feb/2024:10:00:00 +0000", message = "GET /x HTTP/1.1", method = "GET"
      path = "/x", protocol = "HTTP/1.1", status = 200, size = 1200, agent = "curl", large = true
    }
    time = "2024-02-29T10:00:00Z"
  }
}
