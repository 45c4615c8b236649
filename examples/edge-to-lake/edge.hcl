# No Kafka: an app server archives its logs into hourly partitions itself, each line in exactly one object.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "app" {
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  path   = "${tag}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"

  time { field = "ts" }
  format "ndjson" {}
  compression = "gzip"

  roll {
    size = "64MiB"
    age  = "15m"
    idle = "5m"
  }
}

pipeline "lake" {
  from = [input.tail.app]
  to   = [output.s3.lake]
}
