agent {
  data_dir = "/var/lib/penstock"
}

input "syslog" "r1" {
  listen = ["tcp://localhost:5140"]
  # Changed: a1.sources.r1: records are objects with all fields of the message, as JSON: see
  # penstock help input.syslog
  tag = "r1"
}

output "kafka" "k2" {
  brokers = ["kafka-1:9092"]
  topic   = "syslog"
  # Shows: a failover sink group of Kafka and a file roll, by priority; a sink too many.
  failover {
    # First Kafka, then the files.
    to = output.local.k1
  }
  # Left out: a1.sinkgroups.g1.processor.maxpenalty = 10000: see failover.recover
  # LEFT OUT: a1.sinks.k3: there is one place to fail over to, of an output that streams; an
  # archive waits for its store, with all on disk
}

output "local" "k1" {
  directory   = "/var/log/flume"
  path        = "${topic}"
  compression = "none"
  format "raw" {}
  roll {
    age = "5m"
  }
  # Changed: a1.sinks.k1: files appear whole when they roll, in a directory by topic, which is the
  # tag
}

pipeline "main" {
  from = [input.syslog.r1]
  to   = [output.kafka.k2]
  # Left out: a1.channels.c1.memoryCapacity = 10000: the buffer is on disk
  # Left out: a1.channels.c1.overflowCapacity = 1000000: see buffer.max_size
}
