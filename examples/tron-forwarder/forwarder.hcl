# The central relay: fluentd, fluent-bit and the fluent loggers in, Kafka out over TLS. A client's ack means that its chunk is on this
# machine's disk.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "forward" "fluent" {
  listen = "0.0.0.0:24224"
  security {
    shared_key             = env("TRON_SHARED_KEY")
    allow_anonymous_source = true
  }
}

output "kafka" "events" {
  brokers = ["kafka-1:9093"]
  topic   = "logs-${tag}"
  allow_auto_topic_creation = true
  tls { ca_file = "/etc/penstock/kafka-ca.pem" }
}

pipeline "tron" {
  from = [input.forward.fluent]
  to   = [output.kafka.events]
}
