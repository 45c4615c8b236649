case "as mutate makes it" {
  lines = [
    "{\"level\":\"debug\",\"service\":\"s\"}",
    "{\"level\":\"INFO\",\"service\":\"shop\",\"ctx\":{\"user\":\"me\"},\"status\":\"200\",\"path\":\"/a/12\",\"secret\":1}",
  ]
  discarded = 1
  expect {
    fields = { level = "info", user = "me", status = 200, path = "/a/N", tags = ["app", "seen"] }
    topic  = "app-shop"
    key    = "me"
  }
}
