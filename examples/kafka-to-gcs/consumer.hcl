# Kafka topics into hourly partitions on Google Cloud Storage, each record in exactly one object.
# Run as many of these as you like with the same group.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topics  = ["app-logs"]
  group   = "penstock-lake"
}

output "gcs" "lake" {
  bucket = "acme-lake"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"

  time { field = "ts" }
  format "ndjson" {}
  compression = "gzip"

  roll {
    size = "128MiB"
    age  = "1h"
    idle = "10m"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.gcs.lake]
}
