# ---- channels -------------------------------------------------------------------
agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: lake.sources.jms: there is no such input; see penstock help for those there are
  # LEFT OUT: lake.sources.seq: there is no such input; see penstock help for those there are
  # Left out: lake.channels.ch-topic: no source writes to it, and no sink takes from it
  # LEFT OUT: lake.sinks.hbase-orders: it took a share of channel ch-orders; now sink s3-orders
  # takes all of it
  # LEFT OUT: lake.sinks.hive-orders: it took a share of channel ch-orders; now sink s3-orders
  # takes all of it
  # LEFT OUT: lake.sinks.http-hook: it took a share of channel ch-raw; now sink raw-gcs takes all
  # of it
  # LEFT OUT: lake.sinks.thrift-up: it took a share of channel ch-raw; now sink raw-gcs takes all
  # of it
  # Left out: lake.sinks.trash.batchSize = 100: batches are as large as they come
}

# Shows: a lake's edge: Kafka, HTTP, netcat and a spooling directory; S3 by ten minutes, GCS, a
# failover to Elasticsearch; what penstock has not (HBase, Hive, JMS, Thrift, code of one's own)
# ---- orders come out of Kafka -------------------------------------------------
input "kafka" "orders" {
  brokers = ["kafka-1:9092", "kafka-2:9092", "kafka-3:9092"]
  group   = "flume-lake"
  topics  = ["orders", "refunds"]
  sasl {
    mechanism = "PLAIN"
    username  = "flume"
    password  = "hunter2"
  }
  # Left out: lake.sources.orders.kafka.consumer.max.partition.fetch.bytes = 4194304: see
  # fetch_bytes and fetch_wait
  session_timeout = "30s"
  # Changed: lake.sources.orders.topicHeader = kafka_topic: the topic is the tag, in routes and
  # paths too
  # Left out: lake.sources.orders.batchSize = 5000: batches are as large as they come
  # Left out: lake.sources.orders.batchDurationMillis = 2000: see latency_budget of the pipeline
  # Left out: lake.sources.orders.backoffSleepIncrement = 1000: files are watched
  # Left out: lake.sources.orders.migrateZookeeperOffsets = false: a ZooKeeper is not asked: see
  # penstock help input.kafka, start
}

# ---- clicks are posted by the browsers ----------------------------------------
input "http" "clicks" {
  listen = "0.0.0.0:8443"
  # LEFT OUT: lake.sources.clicks.keystore = /etc/flume/clicks.jks: a Java keystore: write tls { },
  # with cert_file and key_file as PEM files: it listens without now
  # Changed: lake.sources.clicks: bodies are lines or JSON records, not Flume's list of headers and
  # body; X-Header fields of requests may become headers: see penstock help input.http
  tag = "clicks"
  # Left out: lake.sources.clicks.keystore-password ...: PEM files have none
  # Left out: lake.sources.clicks.exclude-protocols = SSLv3 TLSv1 TLSv1.1: it is TLS 1.2 or later
  # Left out: lake.sources.clicks.QueuedThreadPool.maxThreads = 200: see max_connections
  # Left out: lake.sources.clicks.HttpConfiguration.sendServerVersion = false: it is not told
}

# ---- partners drop files -------------------------------------------------------
input "tail" "drops" {
  paths = ["/srv/partners/in/**/*-*.csv"]
  # Changed: lake.sources.drops.includePattern = ^[a-z]+-.*\.csv$: the glob *-*.csv matches more:
  # filter "where" lets pass what this regular expression matches
  exclude              = ["/srv/partners/in/**/*.DONE", "/srv/partners/in/**/*.{tmp,part}"]
  partial_line_timeout = "5s"
  # Changed: lake.sources.drops: files are not renamed when they have been read; penstock remembers
  # them: see after_read
  max_line_size = "64KiB"
  encoding      = "iso-8859-15"
  tag           = "drops"
  # Left out: lake.sources.drops.trackerDir = .flumespool: positions are kept below data_dir
  # Left out: lake.sources.drops.consumeOrder = oldest: each source keeps its own order
  # Left out: lake.sources.drops.pollDelay = 500: files are watched
  # Left out: lake.sources.drops.maxBackoff = 4000: inputs wait as long as the buffer is full
  # Left out: lake.sources.drops.batchSize = 500: batches are as large as they come
  # Left out: lake.sources.drops.decodeErrorPolicy = REPLACE: bytes pass as they are
  # Left out: lake.sources.drops.deserializer.outputCharset = UTF-8: what goes on is UTF-8
}

# ---- a port for those who test --------------------------------------------------
input "tcp" "probe" {
  listen        = "127.0.0.1:44444"
  max_line_size = "4KiB"
  tag           = "probe"
}

filter "uuid" "id" {
  if     = "tag == 'clicks'"
  header = "event_id"
  # Left out: lake.sources.clicks.interceptors.id.preserveExisting = false: each record gets one,
  # the same whenever it is delivered
  # Left out: lake.sources.clicks.interceptors.id.prefix = click-: ids stand alone
}

filter "set" "agent" {
  if = "tag == 'clicks'"
  headers = {
    "host" = "agent"
  }
  overwrite = false
}

filter "where" "drops_files" {
  if        = "tag == 'drops'"
  condition = "origin matches '/[a-z]+-.*\\\\.csv$'"
}

filter "set" "drops_headers" {
  if = "tag == 'drops'"
  headers = {
    "file" = "last(split(origin, '/'))"
  }
}

filter "set" "country" {
  headers = {
    "country" = "'de'"
  }
  overwrite = false
}

filter "grep" "tests" {
  exclude = ["\"customer\":\"test-"]
}

# ---- orders: three ways ----------------------------------------------------------
output "s3" "s3-orders" {
  bucket = "acme-lake"
  path   = "orders/${tag}/${strftime("%y/%m/%d/%H%M")}"
  # Changed: lake.sinks.s3-orders.hdfs.timeZone: hours and days are those of UTC; write timezone
  # for others
  # Changed: lake.sinks.s3-orders.hdfs.filePrefix = orders: an object's name tells which records
  # are in it, so that none is written twice: see file_name
  compression = "none"
  format "raw" {}
  # LEFT OUT: lake.sinks.s3-orders.serializer =
  # org.apache.flume.sink.hdfs.AvroEventSerializer$Builder: write format "avro" or "parquet", which
  # make columns of JSON records
  # Left out: lake.sinks.s3-orders.serializer.compressionCodec = snappy: it is the serializer's:
  # see format
  # Left out: lake.sinks.s3-orders.serializer.schemaURL = hdfs://nn1/schemas/order.avsc: it is the
  # serializer's: see format
  # LEFT OUT: lake.sinks.s3-orders.hdfs.round = true: times in paths are not rounded, down to 10
  # minutes: write the path by the hour, or by the day
  roll {
    records = 100000
  }
  # Left out: lake.sinks.s3-orders.hdfs.minBlockReplicas = 1: the store replicates
  # Left out: lake.sinks.s3-orders.hdfs.maxOpenFiles = 500: see spool.open_files
}

output "elasticsearch" "es-clicks" {
  urls  = ["http://es1:9200", "http://es2:9200"]
  index = "clicks-${strftime("%Y-%m-%d")}"
  # Changed: lake.sinks.es-clicks: the HTTP port, 9200, and not the transport's; records are the
  # documents
  # Left out: lake.sinks.es-clicks.indexType = click: Elasticsearch has no types any more
  # Left out: lake.sinks.es-clicks.clusterName = search: it is found out
  # Left out: lake.sinks.es-clicks.batchSize = 500: batches are as large as they come
  # Left out: lake.sinks.es-clicks.ttl = 5d: life cycles are set up by others
  failover {
    # ---- clicks: the cluster, and the search while it is away --------------------------
    to = output.local.hdfs-clicks
  }
  # Left out: lake.sinkgroups.sg-click.processor.maxpenalty = 10000: see failover.recover
}

output "local" "hdfs-clicks" {
  directory = "/var/lib/penstock-lake"
  # LEFT OUT: lake.sinks.hdfs-clicks.hdfs.path =
  # hdfs://nameservice1/user/flume/clicks/%{site}/%Y%m%d: penstock writes to S3, GCS and
  # directories, not to HDFS: write output "s3" or "gcs", or the directory at which HDFS is mounted
  path = "user/flume/clicks/${header["site"]}/${strftime("%Y%m%d")}"
  # Changed: lake.sinks.hdfs-clicks.hdfs.timeZone: hours and days are those of UTC; write timezone
  # for others
  # Changed: lake.sinks.hdfs-clicks.hdfs.codeC = lzop: objects are compressed with gzip
  compression = "gzip"
  format "raw" {}
  roll {
    size = "256MiB"
  }
  # Left out: lake.sinks.hdfs-clicks.hdfs.kerberosPrincipal = flume/_HOST@EXAMPLE.COM: object
  # stores have keys, roles and their own ways to say who one is
  # Left out: lake.sinks.hdfs-clicks.hdfs.kerberosKeytab = /etc/security/keytabs/flume.keytab:
  # object stores have keys, roles and their own ways to say who one is
}

# ---- the rest ----------------------------------------------------------------------
output "gcs" "raw-gcs" {
  bucket = "acme-raw"
  path   = "${header["file"]}/${strftime("%Y/%j")}"
  # Changed: lake.sinks.raw-gcs.hdfs.timeZone: hours and days are those of UTC; write timezone for
  # others
  compression = "bzip2"
  format "raw" {}
  roll {
    age = "1h"
  }
  # Left out: lake.sinks.raw-gcs.hdfs.useLocalTimeStamp = true: records have the time at which they
  # were read, unless filter "time" gives them another
}

pipeline "main" {
  from = [input.http.clicks, input.tail.drops, input.tcp.probe]
  filter = [
    filter.uuid.id,
    filter.set.agent,
    filter.where.drops_files,
    filter.set.drops_headers,
  ]
  # LEFT OUT: lake.sources.clicks.interceptors.cut: headers cannot be cut out of a line: take the
  # fields out with filter "parse", and write field.NAME where the header is used
  # Changed: lake.sources.clicks.interceptors.agent.useIP: it is the host's name, not its address
  # Left out: lake.sources.clicks.interceptors.rm: headers go where the output sends them: see the
  # output's headers
  # LEFT OUT: lake.sources.clicks.interceptors.js: there is no filter that does what this code does
  # Changed: lake.channels.ch-clicks.type = jdbc: the buffer is penstock's own, on disk
  # Left out: lake.channels.ch-clicks.db.type = DERBY: penstock has nothing of this name here
  # Left out: lake.channels.ch-clicks.maximum.capacity = 0: the buffer is on disk: see
  # buffer.max_size
  # Left out: lake.channels.ch-raw.checkpointOnClose = false: positions are stored with what was
  # read
  # Changed: lake.channels.ch-bin.type = memory: the buffer is on disk, and survives a crash
  route {
    if = "tag == 'clicks'"
    to = [output.elasticsearch.es-clicks]
  }
  route {
    if = "tag == 'drops'"
    to = [output.gcs.raw-gcs]
  }
}

pipeline "orders" {
  from   = [input.kafka.orders]
  filter = [filter.set.country, filter.grep.tests]
  to     = [output.s3.s3-orders]
  # Left out: lake.channels.ch-orders.checkpointDir = /data/flume/orders/cp: the buffer lies below
  # data_dir
  # Left out: lake.channels.ch-orders.dataDirs = /data/flume/orders/d1: the buffer lies below
  # data_dir
}
