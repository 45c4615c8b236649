env = { NODE_NAME = "n1", KP = "any" }

case "tags are added to those of the shipper" {
  input = input.tail.app
  path  = "/var/log/app/a.log"
  time  = "2024-02-29T10:00:00Z"
  lines = ["{\"message\":\"Error  none\",\"code\":\"500\",\"a\":1}"]
  expect {
    fields = { tags = ["app", "prod", "err"], b = { c = 1 }, status = 500 }
    topic  = "app"
  }
}
