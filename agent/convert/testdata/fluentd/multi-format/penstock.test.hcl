case "each line by the format that fits, with its time" {
  input = input.tail.mixed
  time  = "2024-03-01T00:00:00Z"
  lines = [
    "{\"ts\":\"2024-01-01T10:00:00+0100\",\"msg\":\"{\\\"x\\\":1}\"}",
    "2024-02-02 10:00:00 info a:1\tb:2",
    "W: it took 12 ms",
    "something else",
  ]
  expect {
    value = { x = 1 }
    time  = "2024-01-01T09:00:00Z"
  }
  expect {
    value = { level = "info", a = "1", b = "2" }
    time  = "2024-02-02T10:00:00Z"
  }
  expect {
    fields = { level = "W", ms = 12 }
    time   = "2024-03-01T00:00:00Z"
  }
  expect {
    value = { message = "something else" }
  }
}
