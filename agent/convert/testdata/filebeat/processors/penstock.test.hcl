case "as Filebeat makes it" {
  lines     = ["DEBUG x", "{\"msg\":\"hi\",\"status\":\"500\",\"secret\":1,\"request\":\"10.0.0.1 - me GET\"}"]
  discarded = 1
  expect {
    fields = { text = "hi", status = 500, who = "me", team = "blue", tier = 2, tags = ["web", "prod"] }
  }
}
