env = { STAGE = "prod" }

case "fields" {
  tag       = "in"
  lines     = [
    "{\"msg\":\"INFO it runs\",\"password\":1,\"secret\":2,\"http_path\":\"/\",\"ctx\":{\"a\":1}}",
    "{\"path\":\"/health\"}",
  ]
  discarded = 1
  expect {
    value = {
      service = "web", stage = "prod", host = "web-1", level = "INFO", text = "it runs", http = { path = "/" }, ctx_a = 1,
    }
  }
}
