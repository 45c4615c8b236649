# An app server that may not reach Kafka: its logs go to the relays over one secure connection. Two servers share the load, a third stands by.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "app" {
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
  tag   = "app.${stem}"
}

output "forward" "relay" {
  server "one" { address = "relay-1:24224" }
  server "two" { address = "relay-2:24224" }
  server "three" {
    address = "relay-3:24224"
    standby = true
  }
  balance    = "origin"
  shared_key = env("RELAY_SHARED_KEY")
  tls { ca_file = "/etc/penstock/ca.pem" }
}

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.forward.relay]
}
