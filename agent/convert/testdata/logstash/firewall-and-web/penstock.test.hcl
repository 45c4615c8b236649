env = { KP = "kafka's", ESP = "elastic's" }

case "a line that grok cannot read stays in its branch" {
  input = input.tail.nginx
  path  = "/var/log/nginx/access.log"
  lines = ["no access log at all"]
  expect {
    fields  = { message = "no access log at all", type = "nginx" }
    headers = { branch_1 = "2" }
    to      = [output.elasticsearch.elasticsearch]
  }
}
case "UDP and TCP have one type, and each its own line" {
  input = input.udp.cisco-fw
  time  = "2024-03-01T00:00:00Z"
  lines = ["something denied"]
  expect {
    fields = { message = "something denied", type = "cisco-fw", tags = ["network", "denied"] }
    topic  = "denied-cisco-fw"
  }
}
