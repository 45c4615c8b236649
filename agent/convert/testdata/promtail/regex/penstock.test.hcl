case "what is taken out" {
  lines = ["2024-02-29 10:00:00 INFO hello"]
  expect {
    fields = { level = "INFO", text = "hello", message = "hello" }
    time   = "2024-02-29T09:00:00Z"
  }
}
