# Parquet in hive partitions for Trino, with the schema given here.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topics  = ["app-logs"]
  group   = "penstock-trino"
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"

  time { field = "ts" }
  format "parquet" {
    column "ts" { type = "timestamp_ms" }
    column "source" {}
    column "seq" { type = "int64" }
    column "status" { type = "int32" }
    extra = "_extra"
  }
  compression = "zstd"

  roll {
    size = "256MiB"
    age  = "1h"
    idle = "10m"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
