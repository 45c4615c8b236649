agent {
  data_dir = "/var/lib/penstock"
  # Changed: agents web, col: all of them run here, as pipelines web_..., col_...: take out what
  # other hosts run
}

# Shows: two agents in one file: taildir with groups and headers, chains of interceptors,
# multiplexing with optional channels, Avro sinks with failover and TLS, lakes and a bus behind them
# Tier 1: runs on every web server (web01 .. web24)
# nginx and haproxy, two groups
input "tail" "access" {
  # Changed: web.sources.access.filegroups.vhosts = /var/log/nginx/vhosts/[a-z]+-access-\d{8}\.log:
  # the glob *-access-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].log matches more: filter "where"
  # lets pass what this regular expression matches
  paths = [
    "/var/log/nginx/access.log",
    "/var/log/haproxy/*.log",
    "/var/log/nginx/vhosts/*-access-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].log",
  ]
  path_header = "path"
  tag         = "access"
  # Left out: web.sources.access.positionFile = /var/lib/flume/access_position.json: positions are
  # kept below data_dir
  # Left out: web.sources.access.batchSize = 1000: batches are as large as they come
  # Left out: web.sources.access.maxBatchCount = 100: files are read side by side
  # Left out: web.sources.access.idleTimeout = 60000: see close_inactive
  # Left out: web.sources.access.writePosInterval = 3000: positions are stored with what was read
  # Left out: web.sources.access.interceptors.mask.charset = UTF-8: lines are UTF-8
}

# application logs: lines of log4j, which begin with the level
input "tail" "app" {
  paths         = ["/opt/shop/logs/{checkout,cart,search}.log"]
  offset_header = "byteoffset"
  tag           = "app"
  # Changed: web.sources.app.selector.optional.WARN = file-audit: all outputs get all of theirs,
  # each at its own pace
  # Left out: web.sources.app.positionFile = /var/lib/flume/app_position.json: positions are kept
  # below data_dir
}

# what auditd and sudo say
input "tail" "audit" {
  paths    = ["/var/log/audit/audit.log"]
  start_at = "end"
  # Changed: web.sources.audit.command = tail -n 0 -F /var/log/audit/audit.log: the file itself is
  # read, through rotation, and goes on where it stopped
  tag = "audit"
  # Left out: web.sources.audit.shell = /bin/bash -c: commands run by /bin/sh
  # Left out: web.sources.audit.restart = true: a command that ends is started again
  # Left out: web.sources.audit.restartThrottle = 15000: see interval
  # Left out: web.sources.audit.logStdErr = true: what a command says on its standard error is in
  # the log
  # Left out: web.sources.audit.batchTimeout = 3000: see latency_budget of the pipeline
}

# the local syslog daemon relays here
input "syslog" "sys" {
  listen = ["tcp://127.0.0.1:5140", "tcp://127.0.0.1:5141"]
  # Changed: web.sources.sys.keepFields = none: records are objects with all fields of the message,
  # as JSON: see penstock help input.syslog
  # Left out: web.sources.sys.charset.port.5141 = ISO-8859-1: what comes in is UTF-8: have it sent
  # so
  max_message_size = "8KiB"
  tag              = "sys"
  # Left out: web.sources.sys.portHeader = port: write an input for each port
  # Left out: web.sources.sys.charset.default = UTF-8: messages are UTF-8
}

filter "where" "access_files" {
  if        = "tag == 'access'"
  condition = "origin matches '(?:^|:)/var/log/nginx/access.log$' or origin matches '(?:^|:)/var/log/haproxy/.*\\\\.log$' or origin matches '(?:^|:)/var/log/nginx/vhosts/[a-z]+-access-\\\\d{8}\\\\.log$'"
}

filter "set" "access_headers" {
  if = "tag == 'access'"
  headers = {
    "component" = "origin matches '(?:^|:)/var/log/nginx/access.log$' ? 'nginx' : origin matches '(?:^|:)/var/log/haproxy/.*\\\\.log$' ? 'haproxy' : origin matches '(?:^|:)/var/log/nginx/vhosts/[a-z]+-access-\\\\d{8}\\\\.log$' ? 'nginx' : nil"
    "format"    = "origin matches '(?:^|:)/var/log/nginx/access.log$' ? 'combined' : nil"
  }
}

filter "set" "host" {
  if = "tag == 'access'"
  headers = {
    "hostname" = "agent"
  }
}

filter "set" "dc" {
  if = "tag == 'access'"
  headers = {
    "datacenter" = "'fra1'"
  }
  overwrite = false
}

# health checks of the load balancer
filter "grep" "noise" {
  if      = "tag == 'access'"
  exclude = ["\"GET /(healthz|ping|favicon\\.ico) HTTP/1\\.[01]\""]
}

# card numbers never leave the machine
filter "replace" "mask" {
  if      = "tag == 'access'"
  pattern = "(card|pan)=([0-9]{6})[0-9]+([0-9]{4})"
  with    = "$1=$2******$3"
}

filter "set" "app_headers" {
  if = "tag == 'app'"
  headers = {
    "application" = "origin matches '(?:^|:)/opt/shop/logs/(?:(checkout|cart|search)\\\\.log)$' ? 'shop' : nil"
  }
}

filter "set" "env" {
  if = "tag == 'app'"
  headers = {
    "environment" = "'${env("SHOP_ENV")}'"
  }
}

# access logs are spread over both collectors
output "forward" "g-access" {
  peer        = "penstock"
  compression = "gzip"
  server "fwd-a1" {
    address = "collector1.example.com:4545"
  }
  # Left out: web.sinks.fwd-a1.batch-size = 1000: see window
  # Left out: web.sinks.fwd-a1.compression-level = 6: see compression
  server "fwd-a2" {
    address = "collector2.example.com:4545"
  }
  # Left out: web.sinks.fwd-a2.batch-size = 1000: see window
  # Left out: web.sinks.fwd-a2.compression-level = 6: see compression
  # LEFT OUT: web.sinks.fwd-a1.type = avro: penstock does not speak Avro's RPC: the other side has
  # to be a penstock with input "forward", which headers come to as well, or a fluentd, without peer
  # Left out: web.sinkgroups.g-access.processor.selector = round_robin: all servers get their share
  # Left out: web.sinkgroups.g-access.processor.selector.maxTimeOut = 30000: see recover_wait
  # Left out: web.sinkgroups.g-access.processor.backoff = true: see recover_wait
}

# application logs go to the first one as long as it lives
output "forward" "g-app" {
  peer = "penstock"
  tls {
    # LEFT OUT: web.sinks.fwd-b1.truststore = /etc/flume/truststore.jks: a Java truststore: write
    # ca_file, or cert_file and key_file, as PEM
    # LEFT OUT: web.sinks.fwd-b2.trust-all-certs = true: all servers are verified in the same way:
    # write a ca_file that is of both
  }
  server "fwd-b1" {
    address = "collector1.example.com:4546"
  }
  # Left out: web.sinks.fwd-b1.connect-timeout = 20000: see connect_timeout
  # Left out: web.sinks.fwd-b1.request-timeout = 20000: see ack_timeout
  # Left out: web.sinks.fwd-b1.truststore-password ...: PEM files have none
  server "fwd-b2" {
    address = "collector2.example.com:4546"
    standby = true
  }
  # LEFT OUT: web.sinks.fwd-b1.type = avro: penstock does not speak Avro's RPC: the other side has
  # to be a penstock with input "forward", which headers come to as well, or a fluentd, without peer
  # Left out: web.sinkgroups.g-app.processor.maxpenalty = 10000: see recover_wait
}

# Tier 2: the collectors
output "kafka" "audit-kafka" {
  brokers = ["kafka1.example.com:9093", "kafka2.example.com:9093"]
  # LEFT OUT: %{datacenter}: records of app, audit, sys have no such header: set it with filter
  # "set"
  topic = "audit-${header["datacenter"]}"
  tls {
    # LEFT OUT: web.sinks.audit-kafka.kafka.producer.ssl.truststore.location =
    # /etc/flume/kafka.jks: a Java truststore: write ca_file, or cert_file and key_file, as PEM
  }
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "flume"
    password  = "hunter2"
  }
  # Left out: web.sinks.audit-kafka.kafka.producer.acks = -1: a record counts as delivered when all
  # in-sync replicas have it, always
  linger      = "20ms"
  compression = "lz4"
  # Left out: web.sinks.audit-kafka.kafka.producer.retries = 10: attempts never end: see retry and
  # delivery_timeout
  # Left out: web.sinks.audit-kafka.kafka.producer.buffer.memory = 67108864: what waits is in the
  # buffer on disk: see buffer_bytes for what is in flight
  max_in_flight = 1
  # Left out: web.sinks.audit-kafka.kafka.producer.ssl.truststore.password ...: PEM files have none
  # LEFT OUT: web.sinks.audit-kafka.partitionIdHeader = partition: no record names its partition:
  # it is found by the key or the source, see partitioner
  # LEFT OUT: web.sinks.audit-kafka.defaultPartitionId = 0: no record names its partition: it is
  # found by the key or the source, see partitioner
  # Left out: web.sinks.audit-kafka.kafka.flumeBatchSize = 500: see linger and batch_max_bytes
}

pipeline "web_main" {
  from = [input.tail.access, input.tail.app, input.tail.audit, input.syslog.sys]
  filter = [
    filter.where.access_files,
    filter.set.access_headers,
    filter.set.host,
    filter.set.dc,
    filter.grep.noise,
    filter.replace.mask,
    filter.set.app_headers,
    filter.set.env,
  ]
  # Left out: web.sources.access.interceptors.ts: records have their time; paths of archives are
  # made of it
  # LEFT OUT: web.sources.app.interceptors.level: headers cannot be cut out of a line: take the
  # fields out with filter "parse", and write field.NAME where the header is used
  # Changed: web.channels.mem-access.type = memory: the buffer is on disk, and survives a crash
  # Left out: web.channels.mem-access.capacity = 200000: the buffer is on disk: see buffer.max_size
  # Left out: web.channels.mem-access.transactionCapacity = 5000: batches are as large as they come
  # Left out: web.channels.mem-access.byteCapacityBufferPercentage = 20: the buffer is on disk
  # Left out: web.channels.mem-access.byteCapacity = 268435456: the buffer is on disk: see
  # buffer.max_size
  # Left out: web.channels.mem-access.keep-alive = 10: inputs wait as long as the buffer is full
  # Left out: web.channels.file-app.checkpointDir = /var/lib/flume/app/checkpoint: the buffer lies
  # below data_dir
  # Left out: web.channels.file-app.useDualCheckpoints = true: all is checked, and nothing is
  # written twice
  # Left out: web.channels.file-app.backupCheckpointDir = /var/lib/flume/app/checkpoint2: all is
  # checked, and nothing is written twice
  # Left out: web.channels.file-app.dataDirs = /data1/flume/app,/data2/flume/app: the buffer lies
  # below data_dir
  # Left out: web.channels.file-app.capacity = 5000000: the buffer is on disk: see buffer.max_size
  # Left out: web.channels.file-app.maxFileSize = 1073741824: see buffer.segment_size
  # Left out: web.channels.file-app.minimumRequiredSpace = 1073741824: see buffer.min_free
  # Left out: web.channels.file-audit.checkpointDir = /var/lib/flume/audit/checkpoint: the buffer
  # lies below data_dir
  # Left out: web.channels.file-audit.dataDirs = /data1/flume/audit: the buffer lies below data_dir
  # Left out: web.channels.file-audit.encryption.activeKey = key-0: the buffer is not encrypted:
  # let data_dir lie on a volume that is
  # Left out: web.channels.file-audit.encryption.cipherProvider = AESCTRNOPADDING: the buffer is
  # not encrypted: let data_dir lie on a volume that is
  # Left out: web.channels.file-audit.encryption.keyProvider = JCEKSFILE: the buffer is not
  # encrypted: let data_dir lie on a volume that is
  route {
    if = "tag == 'access'"
    to = [output.forward.g-access]
  }
  route {
    if = "tag == 'app' and (header['level'] == 'ERROR' or not (header['level'] in ['AUDIT', 'ERROR']))"
    to = [output.forward.g-app]
  }
  route {
    if = "tag == 'app' and header['level'] in ['AUDIT', 'ERROR', 'WARN']"
    to = [output.kafka.audit-kafka]
  }
  route {
    if = "tag in ['audit', 'sys']"
    to = [output.kafka.audit-kafka]
  }
}

input "forward" "in-access" {
  listen = "0.0.0.0:4545"
  # LEFT OUT: col.sources.in-access: penstock does not speak avro: let what sends here send by the
  # Fluentd forward protocol, as penstock's output "forward" does, or by HTTP
  tag_prefix = "in-access"
  # Changed: col.sources.in-access.selector.optional = c-local: all outputs get all of theirs, each
  # at its own pace
}

input "forward" "in-app" {
  listen = "0.0.0.0:4546"
  # LEFT OUT: col.sources.in-app.keystore = /etc/flume/server.p12: a Java keystore: write tls { },
  # with cert_file and key_file as PEM files: it listens without now
  # LEFT OUT: col.sources.in-app: penstock does not speak avro: let what sends here send by the
  # Fluentd forward protocol, as penstock's output "forward" does, or by HTTP
  tag_prefix = "in-app"
}

# two sinks drain the channel side by side
output "s3" "lake1" {
  bucket   = "acme-logs"
  path     = "flume/component=${header["component"]}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  timezone = "Europe/Berlin"
  # Changed: col.sinks.lake1.hdfs.filePrefix = access-%[localhost]-1: an object's name tells which
  # records are in it, so that none is written twice: see file_name
  # Changed: col.sinks.lake1.hdfs.fileSuffix = .gz: an object's name tells which records are in it,
  # so that none is written twice: see file_name
  compression = "gzip"
  format "raw" {}
  roll {
    age  = "10m"
    size = "128MiB"
    idle = "2m"
  }
  # Left out: col.sinks.lake1.hdfs.inUsePrefix = _: objects appear whole, or not at all
  # Left out: col.sinks.lake1.hdfs.writeFormat = Text: objects hold the lines
  # Left out: col.sinks.lake1.hdfs.batchSize = 1000: see roll
  # Left out: col.sinks.lake1.hdfs.callTimeout = 60000: see timeout
  # Left out: col.sinks.lake1.hdfs.useLocalTimeStamp = false: records have the time at which they
  # were read, unless filter "time" gives them another
  # Left out: col.sinks.lake2.hdfs.filePrefix = access-%[localhost]-2: there is one output for
  # both, as sink lake1 says
}

output "kafka" "bus" {
  brokers = ["kafka1.example.com:9092"]
  topic   = "shop-app"
  # Left out: col.sinks.bus.kafka.producer.type = sync: what is sent is acknowledged, always
}

# a copy of the last hours, for those who look by hand
output "local" "keep" {
  directory   = "/data/flume/recent"
  path        = "${topic}"
  compression = "none"
  format "raw" {}
  roll {
    age = "1h"
  }
  # Changed: col.sinks.keep: files appear whole when they roll, in a directory by topic, which is
  # the tag
  # Left out: col.sinks.keep.sink.serializer = TEXT: records go out as they are
  # Left out: col.sinks.keep.sink.pathManager = ROLLTIME: objects are named by what is in them
  # Left out: col.sinks.keep.sink.pathManager.extension = log: objects are named by what is in
  # them: see file_name
  # Left out: col.sinks.keep.sink.pathManager.prefix = access-: objects are named by what is in
  # them: see file_name
}

pipeline "col_main" {
  from = [input.forward.in-access, input.forward.in-app]
  # Left out: col.channels.c-hdfs.memoryCapacity = 100000: the buffer is on disk
  # Left out: col.channels.c-hdfs.overflowCapacity = 10000000: see buffer.max_size
  # Left out: col.channels.c-hdfs.byteCapacity = 800000: the buffer is on disk: see buffer.max_size
  # Left out: col.channels.c-hdfs.checkpointDir = /data/flume/checkpoint: the buffer lies below
  # data_dir
  # Left out: col.channels.c-hdfs.dataDirs = /data/flume/data: the buffer lies below data_dir
  # Changed: col.channels.c-kafka.type = memory: the buffer is on disk, and survives a crash
  # Changed: col.channels.c-local.type = memory: the buffer is on disk, and survives a crash
  route {
    if = "tag[0] == 'in-access'"
    to = [output.s3.lake1, output.local.keep]
  }
  route {
    if = "tag[0] == 'in-app'"
    to = [output.kafka.bus]
  }
}
