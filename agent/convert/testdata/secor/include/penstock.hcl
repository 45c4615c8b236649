agent {
  data_dir = "/var/lib/penstock"
  # Left out: zookeeper.session.timeout.ms=3000: no ZooKeeper takes part
  # Left out: tsdb.hostport=tsdb:4242: let Prometheus or its agent scrape /metrics
}

# Shows: include, what the including file says going before, a property in another one, minutes, a
# zone.
input "kafka" "events" {
  brokers      = ["kafka:9092"]
  topics_regex = ["^.*$"]
  group        = "prod_secor"
}

output "s3" "lake" {
  bucket   = "acme-lake"
  prefix   = "prod/raw"
  path     = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}/min=${strftime("%M")}"
  timezone = "Europe/Berlin"
  time {
    field  = "timestamp"
    format = "epoch"
  }
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {}
  roll {
    age = "5m"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
