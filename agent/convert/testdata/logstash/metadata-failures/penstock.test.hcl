case "the topic comes from @metadata, and what cannot be parsed is dropped" {
  input     = input.tail.file
  lines     = ["INFO hello", "nothing of it"]
  discarded = 1
  expect {
    fields = { level = "INFO", msg = "hello", good = "1" }
    topic  = "t-INFO"
  }
}
