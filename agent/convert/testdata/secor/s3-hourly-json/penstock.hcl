agent {
  data_dir = "/mnt/secor_data/message_logs/partition"
  admin {
    listen = "127.0.0.1:9998"
    # Changed: ostrich.port=9998: the status page, and /metrics for Prometheus, on loopback unless
    # written otherwise
  }
  # Left out: secor.consumer.threads=7: a member reads all of its partitions at once
  # Left out: secor.s3.filesystem=s3a: objects are uploaded without Hadoop
}

input "kafka" "events" {
  # Shows: JSON with milliseconds, hourly partitions, gzip, S3 with keys of the instance, roll by
  # size, age and minute mark.
  # The brokers of production
  brokers    = ["kafka-1:9093", "kafka-2:9093"]
  topics     = ["app-logs", "web-logs"]
  group      = "secor_partition"
  rate_limit = 10000
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  prefix = "raw_logs/secor"
  encryption {
    type       = "aws:kms"
    kms_key_id = "alias/lake"
  }
  path = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time {
    field  = "timestamp"
    format = "epoch"
  }
  # Changed: message.timestamp.required: JSON without a time goes to the dead letter, not to
  # 1970-01-01, and other text ends nothing
  file_name   = "1_${partition}_${start}.gz"
  compression = "gzip"
  format "raw" {}
  roll {
    size         = "200MB"
    age          = "1h"
    minute_marks = ["00"]
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
