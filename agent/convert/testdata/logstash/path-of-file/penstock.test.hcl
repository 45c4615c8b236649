case "a condition asks for the path" {
  input = input.tail.file
  path  = "/var/log/web/access.log"
  lines = ["hello"]
  expect {
    value = {
      message = "hello"
      kind    = "access"
      path    = "/var/log/web/access.log"
      log     = { file = { path = "/var/log/web/access.log" } }
      file    = "access.log"
    }
  }
}

case "a line's own path stays" {
  input = input.tail.file_2
  path  = "/var/log/app/a.log"
  lines = ["{\"path\":\"/access\"}"]
  expect {
    value = {
      kind = "access"
      path = "/access"
      log  = { file = { path = "/var/log/app/a.log" } }
      file = "a.log"
    }
  }
}
