env = {
  ENV                   = "prod"
  PW                    = "any"
  TOK                   = "any"
  VECTOR_SELF_NODE_NAME = "n1"
}

case "an event of an app goes by its level" {
  input = input.tail.app
  path  = "/var/log/app/a.log"
  lines = ["{\"level\":\"error\",\"svc\":\"shop\",\"id\":\"7\"}"]
  expect {
    fields = { level = "ERROR", service = "shop", env = "prod" }
    topic  = "errors-shop"
    key    = "7"
  }
}
case "what a container has written, without what its runtime has" {
  input = input.tail.k8s
  path  = "/var/log/pods/shop_web-1_01234567-89ab-cdef-0123-456789abcdef/main/0.log"
  time  = "2024-02-29T10:00:00Z"
  lines = ["2024-02-29T10:00:00.5Z stdout F {\"level\":\"info\",\"action\":\"login\"}"]
  expect {
    fields = { stream = "stdout", level = "INFO" }
    index  = "logs-audit-prod"
  }
}
