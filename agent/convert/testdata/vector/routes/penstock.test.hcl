case "an error" {
  lines = ["level=error path=/web/x user=me msg=oops"]
  expect {
    to     = [output.http.errors, output.file.web]
    fields = { level = "error", user = "me", message = "level=error path=/web/x user=me msg=oops" }
  }
}
case "neither" {
  lines = ["level=info path=/"]
  expect { to = [output.stdout.rest] }
}
