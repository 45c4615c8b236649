# One of the relays that edge.hcl sends to.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "forward" "edges" {
  listen = "0.0.0.0:24224"
  tls {
    cert_file = "/etc/penstock/relay.pem"
    key_file  = "/etc/penstock/relay-key.pem"
  }
  security {
    shared_key             = env("RELAY_SHARED_KEY")
    allow_anonymous_source = true
  }
}

output "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topic   = "app-logs"
}

pipeline "relay" {
  from = [input.forward.edges]
  to   = [output.kafka.events]
}
