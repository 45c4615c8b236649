case "what asks for the topic has it" {
  input = input.kafka.bus
  path  = "web"
  key   = "k1"
  time  = "2026-01-31T12:00:00Z"
  lines = ["{\"a\":1}"]
  expect {
    object = "web/2026-01-31"
    value = { a = 1, topic = "web", message_key = "k1", kind = "access", id = "k1" }
  }
}

case "a condition asks for it" {
  input     = input.kafka.bus
  path      = "app"
  key       = "k1"
  lines     = ["{\"a\":1}"]
  discarded = 1
}
