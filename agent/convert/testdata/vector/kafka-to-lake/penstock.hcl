agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: sinks.azure: there is no such output; see penstock help for those there are
}

# Shows: Kafka to GCS by topic patterns, with batches by size and time; an Azure sink that penstock
# has not.
input "kafka" "k" {
  brokers      = ["kafka-1:9092", "kafka-2:9092"]
  group        = "lake"
  topics       = ["app"]
  topics_regex = ["^prefix-.+"]
}

output "gcs" "gcs" {
  bucket = "lake"
  path   = "raw/${strftime("%Y/%m/%d/%H")}"
  # Changed: sinks.gcs.filename_append_uuid = true: an object's name tells which records are in it,
  # so that none is written twice
  compression = "zstd"
  format "raw" {}
  roll {
    age  = "10m"
    size = "50MB"
  }
}

pipeline "main" {
  from = [input.kafka.k]
  to   = [output.gcs.gcs]
}
