agent {
  data_dir = "/var/lib/penstock"
}

input "kafka" "events" {
  # Shows: dates by a pattern of Java, prefixes and formats of the partitions, a blacklist.
  brokers       = ["kafka:9094"]
  topics_regex  = ["^app-.*$"]
  exclude_regex = ["^(?:app-debug|app-test.*)$"]
  group         = "secor"
}

output "s3" "lake" {
  bucket = "acme-lake"
  prefix = "logs"
  path   = "${topic}/date-${strftime("%Y%m%d")}/h-${strftime("%H")}"
  time {
    field = "time"
    # Changed: DateMessageParser: it filed records without a time under dt=1970-01-01; they are
    # dead letters unless on_missing says otherwise
    format = "%Y-%m-%dT%H:%M:%S.%L%z"
  }
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {}
  roll {
    age         = "10m"
    on_shutdown = true
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
