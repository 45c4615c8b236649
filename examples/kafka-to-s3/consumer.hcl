# Kafka topics into hourly partitions on S3, each record in exactly one object.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topics  = ["app-logs"]
  group   = "penstock-lake"
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"

  time { field = "ts" }
  format "ndjson" {}
  compression = "zstd"

  roll {
    size = "128MiB"
    age  = "1h"
    idle = "10m"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
