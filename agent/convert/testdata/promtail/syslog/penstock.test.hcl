case "only the job's lines" {
  input = input.tail.app
  lines = ["level=info password=x"]
  expect {
    fields  = { level = "info", message = "level=info password=***" }
    headers = { level = "info" }
  }
}
