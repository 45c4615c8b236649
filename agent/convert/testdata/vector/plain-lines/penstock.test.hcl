case "lines stay lines" {
  input = input.tail.file_a
  time  = "2024-02-29T10:00:00Z"
  lines = ["one"]
  expect {
    value  = "one"
    to     = [output.kafka.files, output.local.all]
    object = "2024-02-29"
  }
}
