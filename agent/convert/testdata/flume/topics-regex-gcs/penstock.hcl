agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a Kafka source by regular expression to Google Cloud Storage, beside a buffered source.
input "kafka" "kafka" {
  brokers      = ["kafka:9092"]
  group        = "flume"
  topics_regex = ["^topic[0-9]$"]
  # Left out: a.sources.kafka.kafka.topics: topics_regex says which
  start = "latest"
}

input "http" "http" {
  listen = "0.0.0.0:8080"
  # Changed: a.sources.http: bodies are lines or JSON records, not Flume's list of headers and
  # body; X-Header fields of requests may become headers: see penstock help input.http
  tag = "http"
}

output "gcs" "gcs" {
  bucket = "acme-lake"
  path   = "raw/${strftime("%Y/%m/%d")}"
  # Changed: a.sinks.gcs.hdfs.timeZone: hours and days are those of UTC; write timezone for others
  compression = "none"
  format "raw" {}
  roll {
    age = "10m"
    # Flume's own presets, 30 s, 1 kB and 10 events, make many small files.
  }
}

output "local" "files" {
  directory = "/var/lake/http"
  path      = "${strftime("%Y-%m-%d")}"
  # Changed: a.sinks.files.hdfs.timeZone: hours and days are those of UTC; write timezone for others
  # Changed: a.sinks.files.hdfs.fileType = SequenceFile: objects are plain lines
  compression = "none"
  format "raw" {}
  roll {
    age = "10m"
    # Flume's own presets, 30 s, 1 kB and 10 events, make many small files.
  }
}

pipeline "main" {
  from = [input.http.http]
  to   = [output.gcs.gcs, output.local.files]
  # Changed: a.channels.ch.type = memory: the buffer is on disk, and survives a crash
  # Changed: a.channels.local.type = memory: the buffer is on disk, and survives a crash
}

pipeline "kafka" {
  from = [input.kafka.kafka]
  to   = [output.gcs.gcs]
}
