# The picture in README is made of this: penstock graph --format svg examples/pipeline.hcl
# An edge or a forwarder brings logs into Kafka, or its overflow; a consumer brings them into the
# lake. They are agents of their own; here they stand side by side.
agent { data_dir = "/var/lib/penstock" }

input "tail" "logs" { paths = ["/var/log/app/*.log"] }
output "kafka" "topics" {
  brokers = ["kafka-1:9092"]
  topic   = "app-logs"
  failover { to = output.s3.overflow }
}
output "s3" "overflow" { bucket = "acme-overflow" }
pipeline "edge" {
  from = [input.tail.logs]
  to   = [output.kafka.topics]
}

input "forward" "fluentd" { listen = "127.0.0.1:24224" }
input "syslog" "hosts" { listen = ["udp://127.0.0.1:5514"] }
input "http" "apps" { listen = "127.0.0.1:8080" }
pipeline "forwarder" {
  from = [input.forward.fluentd, input.syslog.hosts, input.http.apps]
  to   = [output.kafka.topics]
}

input "kafka" "topics" {
  brokers = ["kafka-1:9092"]
  topics  = ["app-logs"]
  group   = "lake"
}
output "s3" "lake" { bucket = "acme-lake" }
pipeline "consumer" {
  from = [input.kafka.topics]
  to   = [output.s3.lake]
}
