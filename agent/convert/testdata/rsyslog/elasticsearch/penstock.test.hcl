case "by a field" {
  lines = ["{\"level\":\"info\"}"]
  expect {
    value = { level = "info" }
    index = "app"
  }
}
