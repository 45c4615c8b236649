agent {
  data_dir = "/var/lib/penstock"
  # Left out: statsd.hostport=localhost:8125: let Prometheus or its agent scrape /metrics
  # Left out: statsd.prefixWithConsumerGroup=true: let Prometheus or its agent scrape /metrics
}

input "kafka" "events" {
  # Shows: a time found by a regular expression, the deterministic upload, an md5 before the path,
  # statsd.
  brokers = ["kafka:9092"]
  topics  = ["access"]
  group   = "secor"
}

output "s3" "lake" {
  bucket = "acme-lake"
  prefix = "access"
  # LEFT OUT: secor.s3.prefix.md5hash=true: objects have no hash before their path; S3 divides its
  # load by prefixes itself. Readers that know the hash must be told
  path = "${topic}/dt=${strftime("%Y-%m-%d")}"
  time {
    regex  = "^[^ ]+ ([0-9]+) .*$"
    format = "epoch"
  }
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {}
  roll {
    # Changed: secor.upload.deterministic=true: a cut that is made again is always the same cut;
    # idle flushes the tail of a quiet topic, which Secor did not
    age = "15m"
    # Changed: secor.file.age.youngest=true: age counts from the first record of a cut; new files
    # do not reset it
  }
  # Left out: secor.max.file.count=100: the number of files is not limited; spool { memory, disk,
  # open_files } say what they may take
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
