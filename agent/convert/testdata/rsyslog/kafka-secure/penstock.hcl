agent {
  data_dir = "/var/lib/penstock"
}

# Shows: SASL and TLS for Kafka, a dynamic topic, a key.
input "tail" "x" {
  paths       = ["/var/log/x.log"]
  empty_lines = "skip"
  tag         = "x"
}

output "kafka" "kafka" {
  brokers = ["kafka:9093"]
  topic   = "${tag}"
  # LEFT OUT: action.topic = t-%programname%: the topic is what a template makes: write it with
  # ${...}
  key = "host"
  tls {
    ca_file = "/etc/ca.pem"
  }
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "me"
    password  = "hunter2"
  }
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.tail.x]
  to   = [output.kafka.kafka]
}
