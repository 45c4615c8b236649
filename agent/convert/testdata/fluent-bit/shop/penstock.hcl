# Shows: a shop's servers in YAML: includes, env, service with storage and health, parsers and
# multiline parsers, processors with conditions, a chain of filters with rewrite_tag, metrics and
# traces left out, an upstream, outputs with retries and storage: Kafka, S3, OpenSearch, forward,
# HTTP, Loki.
# what the shop writes
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server on: the status page and /metrics, on loopback unless written otherwise
  }
  shutdown_timeout = "10s"
  # Left out: flush 1: outputs read the buffer all the time
  # Left out: daemon off: let systemd start it
  # Left out: hot_reload on: see SIGHUP in penstock help run
  # Left out: http_listen 127.0.0.1: the status page is on loopback: see agent.admin.listen
  # Left out: health_check on: see /healthz
  # Left out: hc_errors_count 5: see /healthz
  # Left out: hc_retry_failure_count 5: see /healthz
  # Left out: hc_period 5: see /healthz
  # Left out: storage.path /var/lib/fluent-bit/chunks: the buffer lies below data_dir
  # Left out: storage.sync normal: see buffer.sync
  # Left out: storage.checksum off: all is checked
  # Left out: storage.max_chunks_up 128: see buffer
  # Left out: storage.backlog.mem_limit 16M: see buffer
  # Left out: storage.metrics on: see /metrics
  # Left out: scheduler.base 5: see retry
  # Left out: scheduler.cap 2000: see retry
  # Left out: INPUT node_exporter_metrics: penstock takes logs, not measures; see exec
}

# the shop itself
input "tail" "shop" {
  paths           = ["/var/log/shop/*.log"]
  exclude         = ["/**/*.gz", "/**/*.tmp"]
  tag             = "shop.app"
  rescan_interval = "10s"
  rotate_wait     = "30s"
  max_line_size   = "512KiB"
  long_lines      = "skip"
  path_header     = "path"
  # Left out: buffer_chunk_size 64k: see max_line_size
  # Left out: db /var/lib/fluent-bit/shop.db: positions are kept below data_dir
  # Left out: db.sync normal: positions are kept below data_dir
  # Left out: db.locking true: positions are kept below data_dir
  # Left out: mem_buf_limit 32M: the buffer is on disk: see buffer.max_size
  # Left out: storage.type filesystem: the buffer is on disk, always
  # Left out: storage.pause_on_chunks_overlimit on: inputs wait when the buffer is full: see
  # buffer.when_full
}

filter "parse" "shop" {
  if      = "tag == 'shop.app'"
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

filter "time" "shop" {
  if      = "tag == 'shop.app'"
  field   = "ts"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
}

filter "add_fields" "file" {
  if = "tag == 'shop.app'"
  fields = {
    file = header.path
  }
}

filter "add_fields" "insert" {
  if = "tag == 'shop.app'"
  fields = {
    stage = "prod"
  }
  overwrite = false
}

filter "add_fields" "upsert" {
  if = "tag == 'shop.app'"
  fields = {
    dc = "eu-1"
  }
}

filter "remove_fields" "delete" {
  if = "tag == 'shop.app'"
  # nobody's business
  fields = ["password"]
}

filter "hash" "hash" {
  if     = "tag == 'shop.app' and field.email matches '@'"
  fields = ["email"]
  into   = "email"
}

filter "rename_fields" "rename" {
  if = "tag == 'shop.app'"
  fields = {
    lvl = "level"
  }
}

filter "parse" "extract" {
  if      = "tag == 'shop.app'"
  format  = "regex"
  pattern = "^(?P<method>[A-Z]+) (?P<uri>\\S+)"
  field   = "request"
  keep    = "request"
}

filter "convert" "convert" {
  if = "tag == 'shop.app'"
  types = {
    status = "int"
  }
}

filter "drop" "grep" {
  if = "tag == 'shop.app' and type(field.uri) == 'string' and field.uri matches '^/healthz$'"
}

input "tail" "java" {
  paths = ["/var/log/java/*.log"]
  tag   = "java.app"
  multiline {
    start    = "^\\[[A-Z]+\\] "
    continue = "^\\s+at |^Caused by: "
    # Changed: multiline_parser stack: a line that goes on with an event also does so with a line
    # that begins none
    timeout = "1s"
    # Changed: multiline.parser stack: an event does not end with a newline, as there
  }
}

filter "parse" "java" {
  if      = "tag == 'java.app'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "parse" "parser" {
  if      = "tag == 'java.app'"
  format  = "regex"
  field   = "log"
  pattern = "(?m)^\\[(?P<level>[A-Z]+)\\] (?P<text>.*)$"
}

input "tail" "web_access" {
  paths = ["/var/log/nginx/access.log"]
  tag   = "web.access"
}

filter "parse" "web_access" {
  if     = "tag == 'web.access'"
  format = "regex"
  patterns = [
    "(?m)^(?P<remote>[^ ]*) - (?P<user>[^ ]*) \\[(?P<time>[^\\]]*)\\] \"(?P<method>\\S+) (?P<path>[^ \"]*)[^\"]*\" (?P<code>\\d{3}) (?P<size>\\d+)$",
    "^(?P<log>(?s:.*))$",
  ]
  types = {
    code = "int"
    size = "int"
  }
}

filter "time" "web_access" {
  if      = "tag == 'web.access'"
  field   = "time"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
  remove  = true
}

input "journald" "journal" {
  tag = "host.journal"
  # LEFT OUT: INPUT systemd tag host.*: the unit is no part of the tag; it is a field, by which a
  # route can choose with if
  units = ["docker.service", "ssh.service"]
  from  = "beginning"
  # Left out: lowercase on: fields are called as the journal calls them
  # Left out: strip_underscores on: fields are called as the journal calls them
  # Left out: db /var/lib/fluent-bit/systemd.db: positions are kept below data_dir
}

input "forward" "forward" {
  listen     = "0.0.0.0:24224"
  tag_prefix = "edge."
}

input "http" "http" {
  listen = "0.0.0.0:9880"
  tag    = "api"
}

filter "drop" "grep_2" {
  if = "tag matches '^(?:shop(?:[.].*)?)$' and ((type(field.level) == 'string' and field.level matches '^(debug|trace)$') or (type(field.uri) == 'string' and field.uri matches '^/metrics'))"
}

filter "rename_fields" "modify" {
  if = "tag matches '^(?:web(?:[.].*)?)$' and field.method != nil"
  fields = {
    remote = "client"
  }
  overwrite = false
}

filter "rename_fields" "modify_2" {
  if = "tag matches '^(?:web(?:[.].*)?)$' and field.method != nil"
  fields = {
    code = "status"
  }
  overwrite = false
}

filter "add_fields" "modify" {
  if = "tag matches '^(?:web(?:[.].*)?)$' and field.method != nil"
  fields = {
    vhost = "shop.example.com"
  }
}

filter "remove_fields" "modify" {
  if     = "tag matches '^(?:web(?:[.].*)?)$' and field.method != nil"
  fields = ["user"]
}

filter "add_fields" "record_modifier" {
  fields = {
    host = env("HOSTNAME")
  }
}

filter "nest" "nest" {
  if     = "tag matches '^(?:web(?:[.].*)?)$'"
  fields = ["method", "path"]
  into   = "http"
}

filter "parse" "parser_2" {
  if     = "tag matches '^(?:java(?:[.].*)?)$'"
  format = "logfmt"
  field  = "text"
  # Changed: PARSER pairs format logfmt: a text that has no pair in it stays as it is; there its
  # words became fields
}

filter "set" "rewrite_tag" {
  if = "tag matches '^(?:shop(?:[.].*)?)$' and type(field.level) == 'string' and field.level matches '^error$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'errors.' + tag[0]"
  }
  # Changed: FILTER rewrite_tag rule $level ^error$ errors.$TAG[0] false: the new tag is the
  # record's header new_tag, by which routes choose
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "shop"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
  compression = "zstd"
  # Left out: rdkafka.request.required.acks -1: a record counts as delivered when all in-sync
  # replicas have it, always
  # Left out: retry_limit no_limits: attempts never end, and nothing is given up
  # Left out: storage.total_limit_size 5G: see buffer.max_size
}

output "kafka" "kafka_2" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "errors"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
  format = "msgpack"
}

output "s3" "s3" {
  bucket = "acme-web"
  region = "eu-central-1"
  path   = "web/${strftime("%Y/%m/%d/%H")}"
  # Changed: s3_key_format /web/%Y/%m/%d/%H/$UUID.gz: the last part of it gives way to a name made
  # of the positions of what is in the object, so that none is written twice
  roll {
    age  = "10m"
    size = "50MiB"
  }
  compression = "gzip"
  format "ndjson" {}
  # Changed: OUTPUT s3 json_date_key date: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  # Left out: use_put_object on: see part_size
  # Left out: store_dir /var/lib/fluent-bit/s3: the spool lies below data_dir
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://search.example.com:9200"]
  operation = "index"
  index     = "java"
  user      = "shop"
  password  = "hunter2"
  tls {}
  # Left out: suppress_type_name on: Elasticsearch has no types any more
  # Left out: retry_limit 5: attempts never end, and nothing is given up
}

output "forward" "forward" {
  peer = "fluentd"
  server "relay-1" {
    address = "relay-1.example.com:24224"
  }
  server "relay-2" {
    address = "relay-2.example.com:24224"
  }
  shared_key = "hunter2"
  tls {}
  # LEFT OUT: FILTER rewrite_tag rule $level ^error$ errors.$TAG[0] false: the new tag: what is
  # written here is the tag that records came with; write ${expr("header.new_tag ?? tag")} where it
  # is a template
}

output "http" "http" {
  url = "https://api.example.com:443/logs"
  # Left out: json_date_format iso8601: see json_date_key
  # Changed: OUTPUT http json_date_key time: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  headers = {
    "X-Token" = "hunter2"
  }
  tls {}
}

pipeline "main" {
  from = [
    input.tail.shop,
    input.tail.java,
    input.tail.web_access,
    input.journald.journal,
    input.forward.forward,
    input.http.http,
  ]
  filter = [
    filter.parse.shop,
    filter.time.shop,
    filter.add_fields.file,
    filter.add_fields.insert,
    filter.add_fields.upsert,
    filter.remove_fields.delete,
    filter.hash.hash,
    filter.rename_fields.rename,
    filter.parse.extract,
    filter.convert.convert,
    filter.drop.grep,
    filter.parse.java,
    filter.parse.parser,
    filter.parse.web_access,
    filter.time.web_access,
    filter.drop.grep_2,
    filter.rename_fields.modify,
    filter.rename_fields.modify_2,
    filter.add_fields.modify,
    filter.remove_fields.modify,
    filter.add_fields.record_modifier,
    filter.nest.nest,
    filter.parse.parser_2,
    filter.set.rewrite_tag,
  ]
  # Left out: PROCESSOR sampling: it is of traces, and does nothing to logs
  # Left out: emitter_name errors: what is held has bounds, and lies on disk
  # Left out: emitter_mem_buf_limit 10M: what is held has bounds, and lies on disk
  # LEFT OUT: FILTER lua: code of one's own does not run here; see filter "set" and penstock help
  # expressions
  # LEFT OUT: OUTPUT loki: there is no such output; see penstock help for those there are
  # LEFT OUT: OUTPUT prometheus_exporter: there is no such output; see penstock help for those
  # there are
  route {
    if = "tag matches '^(?:shop(?:[.].*)?)$' and header.new_tag == nil"
    to = [output.kafka.kafka]
  }
  route {
    if = "(header.new_tag ?? tag) matches '^(?:errors(?:[.].*)?)$'"
    to = [output.kafka.kafka_2]
  }
  route {
    match = ["web.**"]
    to    = [output.s3.s3]
  }
  route {
    if = "(header.new_tag ?? tag) matches '^java\\\\..*'"
    to = [output.elasticsearch.elasticsearch]
  }
  route {
    match = ["host.**"]
    to    = [output.forward.forward]
  }
  route {
    match = ["api"]
    to    = [output.http.http]
  }
  # Changed: FILTER throttle: the first records of each window pass, by their own times
  # LEFT OUT: filter.throttle.throttle: it is refused: remembers what came before, which
  # output.s3.s3 cannot archive exactly once; put the filter before a topic, or before another
  # output
}
