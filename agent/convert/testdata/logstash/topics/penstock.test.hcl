case "a branch is taken by the topic" {
  input = input.kafka.kafka
  path  = "uat.item"
  key   = "k1"
  lines = ["word"]
  expect { value = { message = "word", word = "word", stage = "uat", from = "uat.item", id = "k1" } }
}

case "patterns of the old list are tried in turn" {
  input = input.kafka.kafka
  path  = "sit.item"
  key   = "k1"
  lines = ["12 go"]
  expect {
    value = { message = "12 go", code = "12", rest = "go", stage = "sit", from = "sit.item", id = "k1" }
  }
}
