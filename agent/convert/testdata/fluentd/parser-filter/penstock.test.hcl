case "warnings of standard error alone" {
  path      = "/var/log/containers/a.log"
  lines     = [
    "stderr {\"level\":\"WARN\",\"n\":1}",
    "stdout {\"level\":\"WARN\"}",
    "stderr {\"level\":\"info\"}",
  ]
  discarded = 2
  expect {
    value = { stream = "stderr", log = "{\"level\":\"WARN\",\"n\":1}", parsed = { level = "WARN", n = 1 } }
    topic = "kube"
  }
}
