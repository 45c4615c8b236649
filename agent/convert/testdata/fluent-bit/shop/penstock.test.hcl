env = { HOSTNAME = "box" }

case "the shop's records, changed by the processors of the input, and filtered" {
  input = input.tail.shop
  path  = "/var/log/shop/a.log"
  lines = [
    "{\"ts\":\"2026-01-01T10:00:00.123+0000\",\"lvl\":\"info\",\"request\":\"GET /cart HTTP/1.1\",\"status\":\"200\",\"email\":\"ada@example.com\",\"password\":\"x\",\"n\":1}",
    "{\"ts\":\"2026-01-01T10:00:02.000+0000\",\"lvl\":\"debug\",\"request\":\"GET /x\",\"status\":\"200\"}",
    "{\"ts\":\"2026-01-01T10:00:03.000+0000\",\"lvl\":\"info\",\"request\":\"GET /healthz\",\"status\":\"200\"}",
    "{\"ts\":\"2026-01-01T10:00:05.000+0000\",\"lvl\":\"info\",\"request\":\"GET /metrics\",\"status\":200}",
    "plain text",
  ]
  discarded = 3
  expect {
    value = {
      ts      = "2026-01-01T10:00:00.123+0000"
      level   = "info"
      request = "GET /cart HTTP/1.1"
      method  = "GET"
      uri     = "/cart"
      status  = 200
      # SHA-256 of it
      email = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
      n     = 1
      stage = "prod"
      dc    = "eu-1"
      file  = "/var/log/shop/a.log"
      host  = "box"
    }
    time  = "2026-01-01T10:00:00.123Z"
    to    = [output.kafka.kafka]
    topic = "shop"
  }
  expect {
    value = {
      log   = "plain text"
      stage = "prod"
      dc    = "eu-1"
      file  = "/var/log/shop/a.log"
      host  = "box"
    }
    to = [output.kafka.kafka]
  }
}

case "an error gets a tag of its own, and what is there stays with insert" {
  input = input.tail.shop
  path  = "/var/log/shop/a.log"
  lines = [
    "{\"ts\":\"2026-01-01T10:00:01.000+0200\",\"lvl\":\"error\",\"request\":\"POST /pay HTTP/1.1\",\"status\":\"503\",\"stage\":\"own\",\"dc\":\"old\",\"email\":\"none\"}",
  ]
  expect {
    fields = { level = "error", stage = "own", dc = "eu-1", email = "none", status = 503 }
    time   = "2026-01-01T08:00:01Z"
    to     = [output.kafka.kafka_2]
    topic  = "errors"
  }
}

case "the web's, renamed and nested" {
  input = input.tail.web_access
  path  = "/var/log/nginx/access.log"
  lines = [
    "10.0.0.1 - ada [01/Jan/2026:10:00:00 +0100] \"GET /a?b=1 HTTP/1.1\" 200 123",
  ]
  expect {
    value = {
      client = "10.0.0.1"
      status = 200
      size   = 123
      vhost  = "shop.example.com"
      http   = { method = "GET", path = "/a?b=1" }
      host   = "box"
    }
    time   = "2026-01-01T09:00:00Z"
    object = "web/2026/01/01/09"
  }
}

case "Java's events of several lines, with pairs in them" {
  input = input.tail.java
  path  = "/var/log/java/a.log"
  lines = [
    "[INFO] user=ada took=12 ok=true",
    "[ERROR] err=boom",
    "  at com.example.A",
    "Caused by: java.io.IOException",
    "  at com.example.B",
    "[WARN] msg=\"two words\" n=1",
  ]
  expect {
    value = { level = "INFO", user = "ada", took = "12", ok = "true", host = "box" }
    index = "java"
  }
  expect {
    value = { level = "ERROR", err = "boom", host = "box" }
  }
  expect {
    value = { level = "WARN", msg = "two words", n = "1", host = "box" }
  }
}
