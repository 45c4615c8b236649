case "an error" {
  lines = ["{\"level\":\"error\",\"kind\":\"audit\"}", "{\"status\":503}", "{\"message\":\"a CRITICAL one\"}", "{}"]
  expect {
    topic = "errors"
    value = { level = "error", kind = "audit", keep = "10y" }
  }
  expect { topic = "errors" }
  expect { topic = "critical" }
  expect {
    topic = "other"
    value = { keep = "30d" }
  }
}
