agent {
  data_dir = "/var/lib/penstock"
}

# Shows: taildir with file groups as regular expressions and headers, file channel, Kafka sink,
# comments, ${ENV}.
# The web servers' logs.
input "tail" "r1" {
  paths       = ["/var/log/web/example.log", "/var/log/app/*log*"]
  path_header = "file"
  tag         = "r1"
  # Left out: a1.sources.r1.positionFile = /var/log/flume/taildir_position.json: positions are kept
  # below data_dir
}

filter "set" "r1_headers" {
  headers = {
    "kind" = "origin matches '(?:^|:)/var/log/web/example.log$' ? 'example' : origin matches '(?:^|:)/var/log/app/.*log.*$' ? 'app' : nil"
    "team" = "origin matches '(?:^|:)/var/log/app/.*log.*$' ? 'blue' : nil"
  }
}

output "kafka" "k1" {
  # Two brokers are enough to begin with.
  brokers = ["${env("BROKER")}:9092", "kafka-2:9092"]
  topic   = "logs-${header["kind"]}"
  # Left out: a1.sinks.k1.kafka.producer.acks = all: a record counts as delivered when all in-sync
  # replicas have it, always
  linger      = "10ms"
  compression = "snappy"
  # Left out: a1.sinks.k1.kafka.flumeBatchSize = 20: see linger and batch_max_bytes
}

pipeline "main" {
  from   = [input.tail.r1]
  filter = [filter.set.r1_headers]
  to     = [output.kafka.k1]
  # Left out: a1.channels.c1.checkpointDir = /var/flume/checkpoint: the buffer lies below data_dir
  # Left out: a1.channels.c1.dataDirs = /var/flume/data: the buffer lies below data_dir
  # Left out: a1.channels.c1.capacity = 1000000: the buffer is on disk: see buffer.max_size
}
