env = { NODE_NAME = "n1" }

case "the pod becomes a field, the log's JSON another" {
  input = input.tail.kube
  path  = "/var/log/containers/web-1_shop_main-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log"
  lines = ["2024-02-29T10:00:00.5Z stdout F {\"level\":\"info\"}"]
  expect {
    time = "2024-02-29T10:00:00.5Z"
    fields = {
      stream = "stdout"
      app    = { level = "info" }
    }
  }
}
case "what is not JSON stays" {
  input = input.tail.infra
  path  = "/var/log/infra/a.log"
  lines = ["2024-02-29T10:00:00.5Z stderr P a", "2024-02-29T10:00:00.6Z stderr F b"]
  expect {
    value = { log = "ab", stream = "stderr" }
  }
}
