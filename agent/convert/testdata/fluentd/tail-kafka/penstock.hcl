agent {
  data_dir = "/var/lib/penstock"
}

# Shows: in_tail with JSON, out_kafka2 with a buffer on disk, a key, SASL over TLS, the environment.
input "tail" "app" {
  paths           = ["/var/log/app/*.log", "/var/log/web/*.log"]
  exclude         = ["/var/log/app/*.gz"]
  tag             = "app.${path_dots}"
  rescan_interval = "30s"
  # Left out: pos_file /var/log/td-agent/app.pos: positions are kept below data_dir
}

filter "time" "app" {
  field   = "ts"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
}

# everything goes to Kafka
output "kafka" "kafka" {
  brokers = ["${env("KAFKA_1")}:9092", "kafka-2:9092"]
  topic   = "${header.topic}"
  # Changed: default_topic app-logs: the topic stands in a header, too, which filter "set" gives to
  # each record
  key         = "${field.user}"
  compression = "gzip"
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = env("KAFKA_USER", "penstock")
    password  = "hunter2hunter2"
  }
  tls {}
  retry {
    max = "1m"
  }
  # Left out: path /var/log/td-agent/buffer/kafka: buffers lie below data_dir
  # Left out: flush_interval 3s: outputs read the buffer all the time, at their own pace
  # Left out: retry_forever true: attempts never end, and nothing is given up
}

filter "set" "kafka_topic" {
  if = "tag matches '^(?:app(?:[.].*)?)$'"
  headers = {
    topic = "field.topic ?? 'app-logs'"
  }
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.time.app, filter.set.kafka_topic]
  # Changed: <source> tail json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  buffer {
    max_size = "4GiB"
  }
  route {
    match = ["app.**"]
    to    = [output.kafka.kafka]
  }
}
