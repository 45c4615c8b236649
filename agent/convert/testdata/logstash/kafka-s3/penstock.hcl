agent {
  data_dir = "/var/lib/penstock"
}

# Shows: Kafka to S3 with a prefix by time, sizes, gzip; a topics pattern.
input "kafka" "kafka" {
  brokers      = ["kafka:9092"]
  group        = "archive"
  topics_regex = ["^logs-.*$"]
  # Changed: kafka: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  # Left out: kafka.consumer_threads = 4: a member reads all of its partitions at once
}

filter "parse" "kafka" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "s3" "s3" {
  bucket      = "lake"
  region      = "eu-central-1"
  path        = "raw/${strftime("%Y/%m/%d")}"
  compression = "gzip"
  format "ndjson" {}
  roll {
    size = "100MiB"
    age  = "10m"
  }
  # Left out: s3.rotation_strategy = size_and_time: see roll
}

pipeline "main" {
  from   = [input.kafka.kafka]
  filter = [filter.parse.kafka]
  to     = [output.s3.s3]
}
