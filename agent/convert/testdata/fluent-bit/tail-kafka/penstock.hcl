# Shows: [SERVICE], a parsers file, tail with a parser and a tag with *, out_kafka with SASL, the
# environment.
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "warn"
  }
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server On: the status page and /metrics, on loopback unless written otherwise
  }
  # Left out: flush 1: outputs read the buffer all the time
}

input "tail" "app" {
  paths      = ["/var/log/app/*.log"]
  exclude    = ["/**/*.gz", "/**/*.zip"]
  tag        = "app.${path_dots}"
  long_lines = "skip"
  # Left out: db /var/lib/fluent-bit/app.db: positions are kept below data_dir
  # Left out: mem_buf_limit 50MB: the buffer is on disk: see buffer.max_size
}

filter "parse" "app" {
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

filter "time" "app" {
  field   = "time"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
}

output "kafka" "kafka" {
  brokers = ["${env("KAFKA_1")}:9092", "kafka-2:9092"]
  topic   = "app-logs"
  key     = "${field["user"]}"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = env("KAFKA_USER")
    password  = "hunter2hunter2"
  }
  tls {}
  compression = "zstd"
  # Left out: rdkafka.request.required.acks -1: a record counts as delivered when all in-sync
  # replicas have it, always
  # Left out: retry_limit False: attempts never end, and nothing is given up
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app, filter.time.app]
  route {
    match = ["app.**"]
    to    = [output.kafka.kafka]
  }
}
