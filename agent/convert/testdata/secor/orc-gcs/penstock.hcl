agent {
  data_dir = "/var/lib/secor"
  admin {
    listen = "127.0.0.1:9990"
    # Changed: ostrich.port=${ostrich}: the status page, and /metrics for Prometheus, on loopback
    # unless written otherwise
  }
  # Left out: secor.gs.upload.direct=true: see chunk_size, timeout and upload
  # Left out: secor.gs.connect.timeout.ms=60000: see chunk_size, timeout and upload
  # Left out: secor.gs.read.timeout.ms=60000: see chunk_size, timeout and upload
  # Left out: secor.gs.tasks.ratelimit.pr.second=10: see chunk_size, timeout and upload
  # Left out: secor.gs.threadpool.fixed.size=256: see chunk_size, timeout and upload
  # Left out: kafka.message.iterator.class=com.pinterest.secor.reader.SecorKafkaMessageIterator:
  # the client is penstock's own
  # Left out: kafka.client.class=com.pinterest.secor.common.SecorKafkaClient: the client is
  # penstock's own
  # Left out: secor.consumer.threads=4: a member reads all of its partitions at once
  # Left out: secor.max.message.size.bytes=1000000: see fetch_bytes
  # Left out: partitioner.finalizer.delay.seconds=7200: no finalizer was set up: see success, which
  # writes _SUCCESS
  # Left out: monitoring.prefix=secor_${job}: let Prometheus or its agent scrape /metrics; penstock
  # archive lag tells how far each partition is
  # Left out: monitoring.interval.seconds=30: let Prometheus or its agent scrape /metrics; penstock
  # archive lag tells how far each partition is
  # Left out: monitoring.blacklist.topics=heartbeat: let Prometheus or its agent scrape /metrics;
  # penstock archive lag tells how far each partition is
  # Left out:
  # secor.orc.schema.provider=com.pinterest.secor.util.orc.schema.DefaultORCSchemaProvider:
  # penstock writes no ORC
  # Left out:
  # secor.orc.message.schema.orders=struct<id:bigint,customer:string,total:decimal(10\,2),lines:array<struct<sku:string,n:int>>>:
  # penstock writes no ORC
  # Left out: secor.orc.message.schema.order-lines=struct<order:bigint,sku:string,n:int>: penstock
  # writes no ORC
  # Left out: secor.orc.message.schema.*=struct<id:bigint,created_ns:bigint>: penstock writes no ORC
  # Left out: secor.protobuf.message.class.returns=com.example.shop.Return: see descriptors and
  # message of decode "protobuf"
  # Left out: parquet.block.size=134217728: see row_group in format "parquet"
  # Left out: parquet.page.size=1048576: see row_group in format "parquet"
  # Left out: parquet.enable.dictionary=true: see row_group in format "parquet"
  # Left out: parquet.validation=false: see row_group in format "parquet"
  # Left out: schema.registry.url=http://registry.example.net:8081: the parser does not need it
  # Left out: secor.upload.manager.class=com.pinterest.secor.uploader.GsUploadManager: the store
  # decides
}

# Shows: ORC by schemas of topics and Parquet's options, GCS with its limits, minutes in a zone, a
# deterministic upload, properties in others
# the time of an order
input "kafka" "events" {
  brokers      = ["kafka-a.example.net:9092"]
  topics_regex = ["^(orders|order-lines|returns)$"]
  group        = "secor_orders"
  start        = "latest"
  rate_limit   = 5000
  # Left out: kafka.fetch.message.max.bytes=10485760: see fetch_bytes and fetch_wait
}

# The base of the jobs in Google's cloud
output "gcs" "lake" {
  bucket           = "acme-warehouse"
  prefix           = "events"
  credentials_file = "/etc/secor/gcs.json"
  path             = "${topic}/day=${strftime("%Y%m%d")}/hour=${strftime("%H")}/minute=${strftime("%M")}"
  timezone         = "Europe/Helsinki"
  time {
    field  = "created_ns"
    format = "epoch"
  }
  # Changed: message.timestamp.required: JSON without a time goes to the dead letter, not to
  # 1970-01-01, and other text ends nothing
  file_name = "1_${partition}_${start}.snappy"
  # a file for each range of offsets
  compression = "snappy"
  format "raw" {
    # columns
    # LEFT OUT:
    # secor.file.reader.writer.factory=com.pinterest.secor.io.impl.JsonORCFileReaderWriterFactory:
    # there are no such files here: values are written as lines; parquet and avro can be had
  }
  roll {
    # Changed: secor.upload.deterministic=true: a cut that is made again is always the same cut;
    # idle flushes the tail of a quiet topic, which Secor did not
    size = "512MiB"
    age  = "1h"
    # Changed: secor.max.file.timestamp.range.millis=3600000: age is by the clock; each path holds
    # the times that it names
    # Left out: secor.max.file.size.bytes=200000000: a deterministic upload did not look at it
    # Left out: secor.max.file.age.seconds=900: a deterministic upload did not look at it
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.gcs.lake]
}
