agent {
  data_dir = "/var/lib/penstock"
  # Left out: secor.azure.container.name=lake: cloud.service is another
}

input "kafka" "events" {
  brokers = ["localhost:9092"]
  # Shows: a service and a format that cannot be had, ZooKeeper for brokers and offsets, a parser
  # of one's own.
  # LEFT OUT: zookeeper.quorum=zk-1:2181: the brokers are found by their own addresses: write them
  # here
  topics_regex = ["^$"]
  # LEFT OUT: secor.kafka.topic_filter=(?!debug).*: it is a regular expression of Java that RE2 has
  # not (error parsing regexp: invalid or unsupported Perl syntax: `(?!`); write topics_regex, or
  # topics
  group = "secor"
  # LEFT OUT: kafka.offsets.storage=zookeeper: penstock goes on from the offsets that Secor
  # committed to Kafka, and there are none: commit them with kafka-consumer-groups before the
  # change, or it begins at start
}

output "local" "lake" {
  directory = "/var/lib/penstock-lake"
  # LEFT OUT: cloud.service=Azure: penstock archives to S3, GCS and directories; Azure and Swift
  # are reached by a gateway that speaks S3: write output "s3" with its endpoint
  # LEFT OUT: secor.message.parser.class=com.example.MyParser: a parser of your own, or one that
  # penstock does not know: write path and time so that objects go where it put them
  path        = "${topic}/dt=${strftime("%Y-%m-%d")}"
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "parquet" {
    # LEFT OUT:
    # secor.file.reader.writer.factory=com.pinterest.secor.io.impl.ThriftParquetFileReaderWriterFactory:
    # columns are inferred from JSON, or given here; see decode for Thrift and Protobuf
  }
  roll {
    age = "1h"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.local.lake]
}
