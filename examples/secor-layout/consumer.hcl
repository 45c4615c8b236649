# The object names of Secor, with eight digits before the extension that tell a topic's lives apart:
# s3://acme-lake/raw/app-logs/dt=2017-08-01/hr=04/1_3_00000000000004093843.8f2c01d4.gz

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topics  = ["app-logs"]
  group   = "penstock-secor"
}

output "s3" "lake" {
  bucket    = "acme-lake"
  region    = "eu-central-1"
  prefix    = "raw"
  path      = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  file_name = "1_${partition}_${start}.gz"

  time {
    field  = "timestamp"
    format = "epoch_ms"
  }
  format "raw" {}
  compression = "gzip"

  roll {
    size         = "200MiB"
    age          = "1h"
    minute_marks = ["00"]
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
