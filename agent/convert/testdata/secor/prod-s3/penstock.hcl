# Secor generation is a version that should be incremented during non-backwards-compatible changes.
# dt=2026-01-31/hr=04
# Metrics
agent {
  data_dir = "/mnt/secor_data/message_logs/partition"
  admin {
    listen = "127.0.0.1:9998"
    # Changed: ostrich.port=9998: the status page, and /metrics for Prometheus, on loopback unless
    # written otherwise
  }
  # END MUST SET #
  # Left out: secor.s3.filesystem=s3a: objects are uploaded without Hadoop
  # Zookeeper config.
  # Left out: zookeeper.session.timeout.ms=3000: no ZooKeeper takes part
  # Left out: zookeeper.sync.time.ms=200: no ZooKeeper takes part
  # Left out: kafka.zookeeper.path=/: no ZooKeeper takes part
  # Left out: secor.zookeeper.path=/secor: no ZooKeeper takes part
  # Impacts how frequently the upload logic is triggered if no messages are delivered.
  # Left out: kafka.consumer.timeout.ms=10000: see roll.idle
  # Left out: kafka.new.consumer.poll.timeout.seconds=10: see fetch_wait
  # Left out:
  # kafka.new.consumer.partition.assignment.strategy.class=org.apache.kafka.clients.consumer.RoundRobinAssignor:
  # see penstock help input.kafka
  # Left out: kafka.socket.receive.buffer.bytes=1048576: the kernel sizes it
  # Left out: kafka.dual.commit.enabled=false: offsets are in Kafka alone
  # ---- what finds a topic of its own --------------------------------------------------
  # Left out: secor.consumer.threads=12: a member reads all of its partitions at once
  # Left out: secor.offsets.per.partition=10000000: objects have no folder for the offset
  # Left out: secor.offsets.prefix=offset=: objects have no folder for the offset
  # Left out: secor.topic_partition.forget.seconds=600: it concerns statistics alone
  # Left out: secor.max.message.size.bytes=1048576: see fetch_bytes
  # Local files
  # Left out: secor.local.log.delete.age.hours=72: the spool cleans up after itself
  # Left out: monitoring.prefix=secor.lake: let Prometheus or its agent scrape /metrics; penstock
  # archive lag tells how far each partition is
  # Left out: monitoring.interval.seconds=60: let Prometheus or its agent scrape /metrics; penstock
  # archive lag tells how far each partition is
  # Left out: statsd.hostport=statsd.example.com:8125: let Prometheus or its agent scrape /metrics
  # Left out: statsd.prefixWithConsumerGroup=true: let Prometheus or its agent scrape /metrics
  # Left out: statsd.dogstatsd.tags.enabled=true: let Prometheus or its agent scrape /metrics
  # Left out: statsd.dogstatsd.constant.tags=team:data: let Prometheus or its agent scrape /metrics
  # Left out:
  # secor.monitoring.metrics.collector.class=com.pinterest.secor.monitoring.MicroMeterMetricCollector:
  # let Prometheus or its agent scrape /metrics
  # Left out: secor.monitoring.metrics.collector.micrometer.statsd.enabled=true: let Prometheus or
  # its agent scrape /metrics
  # Left out: secor.monitoring.metrics.collector.micrometer.jmx.enabled=false: let Prometheus or
  # its agent scrape /metrics
  # Left out: secor.monitoring.metrics.collector.micrometer.prometheus.enabled=true: let Prometheus
  # or its agent scrape /metrics
  # Left out: secor.monitoring.metrics.collector.micrometer.cache.size=500: let Prometheus or its
  # agent scrape /metrics
  # Left out: secor.monitoring.metrics.collector.micrometer.histogram.enabled=false: let Prometheus
  # or its agent scrape /metrics
  # Left out: hive.table.prefix=lake_: register partitions with a hook of success
  # Left out: secor.enable.qubole=false: register partitions with a hook of success
  # Left out: secor.qubole.timeout.ms=300000: register partitions with a hook of success
  # Left out: message.timestamp.id=1: the parser does not need it
  # Left out: message.timestamp.type=i64: the parser does not need it
  # Left out: secor.upload.manager.class=com.pinterest.secor.uploader.S3UploadManager: the store
  # decides
  # Left out:
  # zookeeper.quorum=zk-01.example.com:2181,zk-02.example.com:2181,zk-03.example.com:2181: no
  # ZooKeeper takes part
  # Left out: kafka.new.consumer.ssl.enabled.protocols=TLSv1.2: it is TLS 1.2 or later, with PEM
  # files
  # Left out: secor.upload.last.seen.offset=true: what is committed is what lies before the first
  # record that is not in an object
  # Left out: secor.max.file.timestamp.range.millis=0: penstock has nothing of this name, and it is
  # off
  # Left out: secor.max.input.payload.size.bytes=0: penstock has nothing of this name, and it is off
  # Left out: secor.hive.table.name.payments_card=payments: register partitions with a hook of
  # success
}

# Shows: a whole production set with includes: a role, a proxy, KMS, md5 prefixes, a minute mark,
# an upload at shutdown, statsd, the finalizer, settings of the consumer
# AWS authentication: the instance's role
input "kafka" "events" {
  # ---- this cluster ---------------------------------------------------------------
  brokers = ["kafka-01.example.com:9094"]
  # What all of our Secors have in common.
  # MUST SET #
  # Regular expression matching names of consumed topics.
  topics_regex  = ["^(clicks|orders|payments)_.*$"]
  exclude_regex = ["^(.*_internal|clicks_test)$"]
  # ---- this job: the partition group ------------------------------------------------
  group      = "secor_partition"
  start      = "earliest"
  isolation  = "read_committed"
  rate_limit = 20000
  tls {
    # Left out: kafka.new.consumer.ssl.truststore.location=/etc/secor/kafka.jks: a keystore of
    # Java; export PEM files with keytool and openssl and name them here (ca_file, cert_file,
    # key_file)
  }
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "secor"
    password  = "hunter2"
  }
  request_timeout = "40s"
  # Left out: kafka.new.consumer.max.poll.interval.ms=600000: a member whose outputs wait stays in
  # its group: see revoke_timeout
  # Left out: kafka.new.consumer.max.poll.records=2000: see fetch_bytes and fetch_wait
  # Left out: kafka.partition.assignment.strategy=range: see protocol
  # Left out: kafka.fetch.message.max.bytes=4194304: see fetch_bytes and fetch_wait
  fetch_bytes = "50MiB"
  # Left out: kafka.fetch.min.bytes=1: see fetch_bytes and fetch_wait
  fetch_wait = "500ms"
  # Left out: kafka.new.consumer.ssl.truststore.password=...: PEM files have none
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  prefix = "raw"
  assume_role {
    arn = "arn:aws:iam::123456789012:role/secor"
  }
  encryption {
    type       = "aws:kms"
    kms_key_id = "alias/lake"
  }
  # LEFT OUT: secor.s3.prefix.md5hash=true: objects have no hash before their path; S3 divides its
  # load by prefixes itself. Readers that know the hash must be told
  # LEFT OUT: secor.s3.alter.path.date=2026-02-01: a path that changes on a certain day: write a
  # new prefix on that day
  # LEFT OUT: secor.s3.alternative.path=raw_v2: a path that changes on a certain day: write a new
  # prefix on that day
  # Left out: aws.proxy.isEnabled=true: a proxy is given in the environment:
  # HTTPS_PROXY=http://proxy.example.com:3128
  # Left out: partitioner.granularity.minute.prefix=min=: paths have no minutes
  # Left out: partitioner.granularity.minute.format=mm: paths have no minutes
  path     = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  timezone = "UTC"
  time {
    # Where the time is in a message
    field   = "meta.at"
    format  = "epoch"
    default = "1970-01-01T00:00:00Z"
  }
  on_missing  = "default"
  file_name   = "3_${partition}_${start}.json.gz"
  compression = "gzip"
  format "raw" {}
  roll {
    # A file is uploaded when it is this large or this old, or at minute 5 of each hour.
    size         = "256MiB"
    age          = "1h"
    minute_marks = ["05"]
    # Changed: secor.kafka.upload_at_minute_mark.topic_filter=payments_.*: all topics are uploaded
    # at that minute: for some of them write an output of their own, in a route
    on_shutdown = true
  }
  success {
    grace = "1h"
    # Changed: partitioner.finalizer.delay.seconds=3600: the finalizer is part of the consumer: it
    # writes _SUCCESS. Register partitions with a hook: hook "trino", "glue", "webhook" or "command"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
