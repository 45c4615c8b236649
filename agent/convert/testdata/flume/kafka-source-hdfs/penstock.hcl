agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a Kafka source with SASL, an HDFS sink on real HDFS, rounding, a Java truststore.
input "kafka" "source1" {
  brokers = ["kafka-1:9093", "kafka-2:9093"]
  group   = "custom.g.id"
  topics  = ["test1", "test2"]
  tls {
    # LEFT OUT: tier1.sources.source1.kafka.consumer.ssl.truststore.location =
    # /etc/flume/truststore.jks: a Java truststore: write ca_file, or cert_file and key_file, as PEM
  }
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "flume"
    password  = "hunter2"
  }
  # Left out: tier1.sources.source1.kafka.consumer.ssl.truststore.password ...: PEM files have none
  # Left out: tier1.sources.source1.batchSize = 5000: batches are as large as they come
}

output "local" "sink1" {
  directory = "/var/lib/penstock-lake"
  # LEFT OUT: tier1.sinks.sink1.hdfs.path = hdfs://namenode/flume/%{topic}/%y-%m-%d/%H%M/%S:
  # penstock writes to S3, GCS and directories, not to HDFS: write output "s3" or "gcs", or the
  # directory at which HDFS is mounted
  path = "flume/${tag}/${strftime("%y-%m-%d/%H%M/%S")}"
  # Changed: tier1.sinks.sink1.hdfs.timeZone: hours and days are those of UTC; write timezone for
  # others
  # Changed: tier1.sinks.sink1.hdfs.fileType = SequenceFile: objects are plain lines
  compression = "none"
  format "raw" {}
  # LEFT OUT: tier1.sinks.sink1.hdfs.round = true: times in paths are not rounded, down to 10
  # minutes: write the path by the hour, or by the day
  roll {
    age = "10m"
    # Flume's own presets, 30 s, 1 kB and 10 events, make many small files.
  }
  # Left out: tier1.sinks.sink1.hdfs.kerberosPrincipal = flume@EXAMPLE.ORG: object stores have
  # keys, roles and their own ways to say who one is
}

pipeline "source1" {
  from = [input.kafka.source1]
  to   = [output.local.sink1]
  # Changed: tier1.channels.channel1.type = memory: the buffer is on disk, and survives a crash
}
