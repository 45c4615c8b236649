agent {
  data_dir = "/var/lib/penstock"
  # Left out: hive.table.prefix=raw_: register partitions with a hook of success
  # Left out: qubole.api.token=...: register partitions with a hook of success
}

input "kafka" "events" {
  # Shows: the finalizer and Hive, a role, a transformer of one's own, MessagePack.
  brokers = ["kafka:9092"]
  topics  = ["clicks"]
  group   = "secor"
}

output "s3" "lake" {
  bucket = "acme-lake"
  prefix = "clicks"
  assume_role {
    arn = "arn:aws:iam::123456789012:role/secor"
  }
  path = "${topic}/dt=${strftime("%Y-%m-%d")}"
  time {
    field  = "timestamp"
    format = "epoch"
  }
  decode "msgpack" {}
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {}
  roll {
    age = "1h"
  }
  success {
    grace = "1h"
    # Changed: partitioner.finalizer.delay.seconds=3600: the finalizer is part of the consumer: it
    # writes _SUCCESS. Register partitions with a hook: hook "trino", "glue", "webhook" or "command"
  }
  # LEFT OUT: secor.message.transformer.class=com.example.DropBots: penstock has nothing of this
  # name
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
