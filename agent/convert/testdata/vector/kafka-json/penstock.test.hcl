env = { STAGE = "prod", KAFKA_PASSWORD = "x" }

case "as VRL makes it" {
  lines = ["{\"uid\":7,\"password\":\"p\",\"status\":\"200\",\"level\":\"info\",\"ms\":1500}"]
  expect {
    value = { user_id = 7, status = 200, level = "info", ms = 1500, env = "prod", service = "shop", slow = true }
    topic = "shop-info"
    key   = "7"
  }
}
