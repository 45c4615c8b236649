case "fields are added and removed" {
  tag   = "app.web"
  lines = ["{\"user\":{\"name\":\"u\",\"secret\":1},\"password\":2,\"level\":3,\"app\":\"x\"}"]
  expect {
    fields = { user = { name = "u" }, who = "user-u", level = 3, version = "2", app = "web", tag = "app.web" }
    topic  = "web"
  }
}
case "a record made anew" {
  tag   = "audit"
  lines = ["{\"user\":1,\"action\":2,\"other\":3}"]
  expect {
    value = { user = 1, action = 2, source = "audit" }
    topic = "other"
  }
}
