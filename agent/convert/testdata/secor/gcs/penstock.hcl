agent {
  data_dir = "/var/lib/penstock"
  # Left out: secor.gs.upload.direct=false: see chunk_size, timeout and upload
}

input "kafka" "events" {
  # Shows: Google Cloud Storage, nested names with a separator of their own, zstd, a missing time
  # filed under 1970.
  brokers = ["kafka:9092"]
  topics  = ["events"]
  group   = "secor"
}

output "gcs" "lake" {
  bucket           = "acme-lake"
  prefix           = "data"
  credentials_file = "/etc/secor/gcs.json"
  path             = "${topic}/dt=${strftime("%Y-%m-%d")}"
  time {
    field   = "meta.created"
    format  = "epoch"
    default = "1970-01-01T00:00:00Z"
  }
  on_missing  = "default"
  file_name   = "1_${partition}_${start}.zst"
  compression = "zstd"
  format "raw" {}
  roll {
    size = "128MiB"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.gcs.lake]
}
