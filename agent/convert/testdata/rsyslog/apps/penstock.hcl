agent {
  data_dir = "/var/lib/penstock"
  # Shows: files of applications into Kafka: rulesets of their own, JSON by mmjsonparse, conditions
  # on
  # fields, the same tag in two rulesets, multiline events, variables, what cannot be had.
  # Left out: global.workDirectory = /var/spool/rsyslog: see agent.data_dir
  # Left out: global.net.enableDNS = off: penstock has nothing of this name here
  # Left out: global.shutdown.queue.doubleSize = on: penstock has nothing of this name here
  # Left out: main_queue.queue.type = LinkedList: the buffer is on disk: see buffer.max_size
  # Left out: main_queue.queue.size = 200000: the buffer is on disk: see buffer.max_size
  # Left out: main_queue.queue.workerThreads = 4: see window.lanes
  # Left out: module.load = imfile: inputs and outputs need no modules
  # Left out: module.mode = inotify: files are watched
  # Left out: module.load = omkafka: inputs and outputs need no modules
  # Left out: module.load = mmjsonparse: inputs and outputs need no modules
  # Left out: module.load = mmnormalize: inputs and outputs need no modules
  # Left out: module.load = omelasticsearch: inputs and outputs need no modules
}

# The web shop, JSON a line
input "tail" "shop" {
  paths       = ["/var/log/shop/*.json"]
  empty_lines = "skip"
  tag         = "shop"
  # Changed: input.Facility = local3: lines of files have none: selectors and conditions were
  # worked out with it
  # Changed: input.Severity = info: lines of files have none: selectors and conditions were worked
  # out with it
  # Left out: input.addMetadata = on: see path_header
  # Left out: input.PersistStateInterval = 1000: positions are stored with what was read
  # Left out: input.reopenOnTruncate = on: files are watched, truncated ones too
}

# Its access log, lines
input "tail" "shop_2" {
  paths       = ["/var/log/nginx/access.log"]
  empty_lines = "skip"
  # Changed: input tag shop: another ruleset has it too: conditions ask for the tag
  tag = "shop_2"
  # Changed: input.Facility = local4: lines of files have none: selectors and conditions were
  # worked out with it
  # Changed: input.Severity = info: lines of files have none: selectors and conditions were worked
  # out with it
}

# Java, stack traces
input "tail" "billing" {
  paths = ["/opt/billing/logs/billing.log"]
  multiline {
    start   = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    timeout = "5s"
  }
  start_at = "end"
  tag      = "billing"
  # Left out: input.MaxLinesAtOnce = 10000: files are read side by side
}

# Batch jobs, paragraphs
input "tail" "batch" {
  paths = ["/var/log/batch/*.txt"]
  multiline {
    continue = "^[ \\t]"
    # Changed: the lines of an event: newlines join them, not \n as text
  }
  tag = "batch"
}

filter "parse" "mmjsonparse" {
  if      = "tag == 'shop'"
  formats = ["json", "regex"]
  pattern = "^(?P<msg>(?s:.*))$"
}

filter "drop" "stop" {
  if = "tag == 'shop' and (string(field.level ?? '') == 'debug' or string(field.level ?? '') == 'trace')"
}

output "kafka" "kafka" {
  brokers         = ["kafka-1.example.net:9092"]
  topic           = "audit"
  key             = "shop"
  compression     = "snappy"
  batch_max_bytes = "4MB"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "file" "file" {
  path = "/var/log/collected/shop-errors.json"
  # Changed: action.template = json-lines ({"host":"%hostname%","message":"%msg%"}\n, option.json =
  # on): lines of files go out as they are, and syslog messages as objects: shape them with filters
}

output "kafka" "kafka_2" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "${tag}"
  # LEFT OUT: action.topic = topic-of-service: the topic is what a template makes
  # (shop-%$!service%): write it with ${...}
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
  # Left out: action.partitions.auto = on: see partitioner
}

output "kafka" "kafka_3" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "shop"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

filter "drop" "stop_2" {
  if = "tag == 'shop_2' and (value contains '/healthz' or lower(value) contains 'kube-probe')"
}

output "kafka" "kafka_4" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "access-errors"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "kafka" "kafka_5" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "access-suspicious"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "kafka" "kafka_6" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "access"
  # Changed: action.template = json-lines ({"host":"%hostname%","message":"%msg%"}\n, option.json =
  # on): lines of files go out as they are, and syslog messages as objects: shape them with filters
}

output "file" "file_2" {
  path = "/var/log/collected/batch.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
}

output "kafka" "kafka_7" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "alarms"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "elasticsearch" "elasticsearch" {
  urls  = ["http://es-1.example.net:9200", "http://es-2.example.net:9200"]
  index = "index-of-day"
  # LEFT OUT: action.searchIndex = index-of-day: the index is what a template makes
  # (billing-%$year%.%$month%.%$day%): write it with ${...}
  operation = "index"
  user      = "rsyslog"
  password  = "hunter2"
  # Changed: action.template = json-lines ({"host":"%hostname%","message":"%msg%"}\n, option.json =
  # on): lines of files go out as they are, and syslog messages as objects: shape them with filters
  # Left out: action.bulkmode = on: requests hold many records
  # Left out: action.queue.type = LinkedList: the buffer is on disk: see buffer.max_size
  # Left out: action.queue.dequeuebatchsize = 2000: batches are as large as they come
  # Left out: action.action.resumeRetryCount = -1: attempts never end
}

pipeline "main" {
  from   = [input.tail.shop, input.tail.shop_2, input.tail.billing, input.tail.batch]
  filter = [filter.parse.mmjsonparse, filter.drop.stop, filter.drop.stop_2]
  # LEFT OUT: if $parsesuccess == "OK": $parsesuccess is not known of what input "tail" gives; what
  # is in it is left out, too: write a route with if
  # LEFT OUT: action: there is no output like mmnormalize; see penstock help for those there are
  # LEFT OUT: action: there is no output like ommail; see penstock help for those there are
  route {
    if = "tag == 'shop' and string(field.kind ?? '') == 'audit' and ( string(field.user ?? '') != '' or string(field.actor ?? '') != '' )"
    to = [output.kafka.kafka]
  }
  route {
    if = "tag == 'shop' and field.status >= 500 and not (tag == 'shop' and string(field.kind ?? '') == 'audit' and ( string(field.user ?? '') != '' or string(field.actor ?? '') != '' ))"
    to = [output.file.file]
  }
  route {
    if = "tag == 'shop' and string(field.service ?? '') in ['cart', 'payment'] and not (tag == 'shop' and string(field.kind ?? '') == 'audit' and ( string(field.user ?? '') != '' or string(field.actor ?? '') != '' ))"
    to = [output.kafka.kafka_2]
  }
  route {
    if = "tag == 'shop' and not (string(field.service ?? '') in ['cart', 'payment']) and not (tag == 'shop' and string(field.kind ?? '') == 'audit' and ( string(field.user ?? '') != '' or string(field.actor ?? '') != '' ))"
    to = [output.kafka.kafka_3]
  }
  route {
    if = "tag == 'shop_2' and value matches '(?i)\" 5[0-9][0-9] '"
    to = [output.kafka.kafka_4]
  }
  route {
    if = "tag == 'shop_2' and (value contains '/admin/' or ( value contains '/login' and not ( value contains ' 200 ' ) )) and not (tag == 'shop_2' and (value contains '/admin/' or ( value contains '/login' and not ( value contains ' 200 ' ) )) and value startsWith '10.')"
    to = [output.kafka.kafka_5]
  }
  route {
    if = "tag == 'shop_2' and not (tag == 'shop_2' and (value contains '/admin/' or ( value contains '/login' and not ( value contains ' 200 ' ) )) and value startsWith '10.')"
    to = [output.kafka.kafka_6]
  }
  route {
    if = "tag in ['billing', 'batch'] and tag == 'batch'"
    to = [output.file.file_2]
  }
  route {
    if = "tag in ['billing', 'batch'] and (value contains 'FATAL' or value contains 'OutOfMemoryError') and not (tag in ['billing', 'batch'] and tag == 'batch')"
    to = [output.kafka.kafka_7]
  }
  route {
    if = "tag in ['billing', 'batch'] and not (tag in ['billing', 'batch'] and tag == 'batch')"
    to = [output.elasticsearch.elasticsearch]
  }
}
