case "what is no JSON stays" {
  lines = ["plain important text"]
  expect {
    value = { message = "plain important text", seen = true, open = true, late = true, no_query = "no_text" }
  }
}

case "what is parsed goes, and what cannot be carried over stays" {
  lines = ["{\"args\":\"a=1\",\"n\":\"5\",\"kind\":\"card\",\"card\":\"4111\",\"key\":\"k\",\"line\":\"h - - [10/Oct/2000:13:55:36 -0700] \\\"GET / HTTP/1.0\\\" 200 5\",\"query\":\"x=y\"}"]
  expect {
    value = {
      structured = { args = "a=1", n = "5", kind = "card", card = "4111", key = "k" }
      seen = true, args = "a=1", late = true, x = "y", query = true
      host = "h", timestamp = "10/Oct/2000:13:55:36 -0700", method = "GET", path = "/", protocol = "HTTP/1.0", status = 200, size = 5
      message = "GET / HTTP/1.0"
    }
  }
}

case "a line of another form stays" {
  lines = ["{\"line\":\"?\"}"]
  expect {
    value = { structured = { line = "?" }, seen = true, open = true, late = true, no_query = "no_text" }
  }
}
