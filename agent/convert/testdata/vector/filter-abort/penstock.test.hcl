case "conditions, types and times" {
  lines = [
    "{\"level\":\"debug\",\"status\":500}",
    "{\"level\":\"info\",\"status\":200}",
    "{\"level\":\"info\",\"status\":404,\"host\":\"WEB\",\"seconds\":2,\"ts\":\"28/Feb/2013:12:00:00 +0900\"}",
  ]
  discarded = 2
  expect {
    fields = { severity = "warning", host = "web", ms = 2000, user = "nobody" }
    time   = "2013-02-28T03:00:00Z"
  }
}
