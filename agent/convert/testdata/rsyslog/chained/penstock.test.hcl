case "what a chained stop has stopped goes no further" {
  lines = ["some noise", "AUDIT x", "a line"]
  expect {
    value = "some noise"
    to    = [output.file.file]
  }
  expect {
    value = "AUDIT x"
    to    = [output.file.file_2]
  }
  expect {
    value = "a line"
    topic = "app"
  }
}
