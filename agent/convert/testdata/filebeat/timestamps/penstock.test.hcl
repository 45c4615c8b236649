case "the record has the time of its field" {
  lines = ["{\"ts\":\"2024-02-29 10:00:00\",\"path\":\"/home/me/x\",\"secret\":1}"]
  expect {
    value = { ts = "2024-02-29 10:00:00", path = "~/x" }
    time  = "2024-02-29T09:00:00Z"
    topic = "app-202402"
  }
}
