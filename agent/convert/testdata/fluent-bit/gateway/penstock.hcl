# Shows: a classic gateway with includes and parsers of its own: tail with multiline, forward and
# HTTP by TLS, a long chain of filters, outputs by tag with storage, retries and limits, Kafka, S3,
# Elasticsearch, Loki
# health checks and noise
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server On: the status page and /metrics, on loopback unless written otherwise
  }
  shutdown_timeout = "30s"
  # Left out: flush 5: outputs read the buffer all the time
  # Left out: daemon Off: let systemd start it
  # Left out: http_listen 0.0.0.0: the status page is on loopback: see agent.admin.listen
  # Left out: health_check On: see /healthz
  # Left out: hc_errors_count 5: see /healthz
  # Left out: hot_reload On: see SIGHUP in penstock help run
  # Left out: plugins_file plugins.conf: penstock has nothing of this name here
  # Left out: storage.path /var/lib/fluent-bit/storage: the buffer lies below data_dir
  # Left out: storage.sync normal: see buffer.sync
  # Left out: storage.checksum off: all is checked
  # Left out: storage.max_chunks_up 256: see buffer
  # Left out: storage.backlog.mem_limit 64M: see buffer
  # Left out: storage.metrics on: see /metrics
  # Left out: scheduler.base 3: see retry
  # Left out: scheduler.cap 60: see retry
  # LEFT OUT: INPUT kubernetes_events: there is no such input; see penstock help for those there are
}

# files and what is sent
input "tail" "app_team_app" {
  paths           = ["/srv/*/*/log/*.log"]
  exclude         = ["/**/*.gz", "/**/*.zip"]
  path_pattern    = "/srv/(?P<team>[a-z]+)/(?P<app>[^/]+)/"
  tag             = "app.${group.team}.${group.app}"
  rescan_interval = "30s"
  rotate_wait     = "10s"
  ignore_older    = "2d"
  max_line_size   = "512KiB"
  long_lines      = "skip"
  empty_lines     = "skip"
  offset_header   = "offset"
  # Changed: offset_key offset: it is a header, not a field
  multiline {
    start    = "^\\d{4}-\\d{2}-\\d{2} "
    continue = "^(\\s+at|Caused by:)"
    # Changed: multiline_parser stack: a line that goes on with an event also does so with a line
    # that begins none
    timeout = "1s"
    # Changed: multiline.parser stack: an event does not end with a newline, as there
    # Left out: key_content log: penstock has nothing of this name here
  }
  path_header = "path"
  # Left out: db /var/lib/fluent-bit/app.db: positions are kept below data_dir
  # Left out: db.sync Normal: positions are kept below data_dir
  # Left out: db.locking true: positions are kept below data_dir
  # Left out: buffer_chunk_size 64k: see max_line_size
  # Left out: mem_buf_limit 50MB: the buffer is on disk: see buffer.max_size
  # Left out: inotify_watcher true: see watch
  # Left out: storage.type filesystem: the buffer is on disk, always
}

filter "parse" "app_team_app" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "file" {
  if = "tag matches '^(?:app(?:[.].*)?)$'"
  fields = {
    file = header.path
  }
}

input "forward" "forward" {
  listen = "0.0.0.0:24224"
  security {
    shared_key = "hunter2"
  }
  tag_prefix = "web"
  tls {
    cert_file = "/etc/fb/crt.pem"
    key_file  = "/etc/fb/key.pem"
  }
  # Left out: buffer_chunk_size 1M: see max_line_size
  # Left out: buffer_max_size 6M: penstock has nothing of this name here
  # Left out: self_hostname gateway: penstock has nothing of this name here
}

input "http" "http" {
  listen = "0.0.0.0:8888"
  tag    = "hooks.in"
  # Left out: successful_response_code 200: penstock has nothing of this name here
  # Left out: success_header X-Ok yes: penstock has nothing of this name here
}

input "journald" "journal" {
  tag = "host.journal"
  # LEFT OUT: INPUT systemd tag host.*: the unit is no part of the tag; it is a field, by which a
  # route can choose with if
  units = ["docker.service"]
  # Left out: db /var/lib/fluent-bit/systemd.db: positions are kept below data_dir
  # Left out: strip_underscores On: fields are called as the journal calls them
  # Left out: lowercase On: fields are called as the journal calls them
}

filter "drop" "grep" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and type(field.log) == 'string' and field.log matches 'healthz|/readyz'"
}

filter "drop" "grep_2" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and type(field.kubernetes.labels.noisy) == 'string' and field.kubernetes.labels.noisy matches '^true$'"
}

filter "parse" "parser" {
  if     = "tag matches '^(?:app(?:[.].*)?)$'"
  format = "json"
  field  = "log"
}

filter "time" "parser" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  field   = "time"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
}

filter "parse" "parser_2" {
  if     = "tag matches '^(?:app(?:[.].*)?)$'"
  format = "json"
  field  = "payload"
  into   = "payload"
}

filter "parse" "parser_3" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  format  = "regex"
  field   = "log"
  pattern = "(?m)^(?P<time>[^ ]+ [^ ]+) (?P<level>[A-Z]+) (?P<message>.*)$"
  types = {
    took = "int"
    ok   = "bool"
  }
}

filter "time" "parser_2" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  field   = "time"
  formats = ["%Y-%m-%d %H:%M:%S,%L"]
  zone    = "Etc/GMT-1"
  remove  = true
}

filter "add_fields" "record_modifier" {
  fields = {
    hostname = env("HOSTNAME")
  }
}

filter "remove_fields" "record_modifier" {
  fields = ["debug"]
}

filter "nest" "nest" {
  if     = "tag matches '^(?:app(?:[.].*)?)$'"
  prefix = "http_"
  into   = "http"
}

filter "flatten" "nest" {
  if        = "tag matches '^(?:app(?:[.].*)?)$'"
  field     = "kubernetes"
  separator = "_"
  # Changed: FILTER nest lift: the fields are called kubernetes_NAME, not k8s_NAME: rename them
  # with rename_fields
  # Changed: FILTER nest lift kubernetes: objects within it come to the top as well, by names such
  # as kubernetes_NAME_OTHER
}

filter "set" "rewrite_tag" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and type(field.level) == 'string' and field.level matches '^(error|fatal)$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    copied_tag = "'errors.' + tag[1]"
  }
  # Changed: FILTER rewrite_tag rule $level ^(error|fatal)$ errors.$TAG[1] true: the new tag is the
  # record's header copied_tag, by which routes choose; an output that takes both tags gets it once
}

filter "set" "rewrite_tag_2" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and type(field.team) == 'string' and field.team matches '^([a-z]+)$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'team.' + string(field.team)"
  }
  # Changed: FILTER rewrite_tag rule $team ^([a-z]+)$ team.$0 false: the new tag is the record's
  # header new_tag, by which routes choose
}

filter "lookup" "geoip2" {
  if    = "tag matches '^(?:web(?:[.].*)?)$'"
  table = env("GEOIP_DB")
  key   = "field.remote"
  into  = "geoip2"
}

filter "set" "geoip2" {
  if = "tag matches '^(?:web(?:[.].*)?)$'"
  fields = {
    country = "field.geoip2.country.iso_code"
  }
}

filter "remove_fields" "geoip2" {
  if     = "tag matches '^(?:web(?:[.].*)?)$'"
  fields = ["geoip2"]
}

filter "multiline" "multiline" {
  if       = "tag matches '^(?:java(?:[.].*)?)$'"
  field    = "log"
  partial  = "field.partial_message == 'true' and field.partial_last != 'true'"
  key      = "string(field.partial_id ?? '')"
  start    = "^\\d{4}-\\d{2}-\\d{2} "
  continue = "^(\\s+at|Caused by:)"
  # Changed: multiline_parser java, stack: a line that goes on with an event also does so with a
  # line that begins none
  # Changed: multiline.parser java, stack: an event does not end with a newline, as there
  # LEFT OUT: multiline.parser java, stack: java: there is one way in which lines are joined: write
  # presets, or patterns
  timeout = "2s"
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "${expr("field.topic ?? 'errors'")}"
  key     = "${field["id"]}"
  # Changed: OUTPUT kafka timestamp_key ts: the time is that of the Kafka record; for a field write
  # filter "add_fields" with ${time}
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "fb"
    password  = "hunter2"
  }
  tls {
    insecure_skip_verify = true
    # Left out: ca_file = "/etc/kafka/ca.pem": nothing is verified here
  }
  compression = "zstd"
  # Left out: rdkafka.queue.buffering.max.kbytes 10240: what waits is in the buffer on disk: see
  # buffer_bytes for what is in flight
  # Left out: rdkafka.request.required.acks -1: a record counts as delivered when all in-sync
  # replicas have it, always
  # Left out: rdkafka.message.timeout.ms 60000: attempts never end: see retry and delivery_timeout
  # Left out: timestamp_format iso8601: the time is that of the Kafka record
  # Left out: retry_limit False: attempts never end, and nothing is given up
  # Left out: queue_full_retries 0: attempts never end
  # Left out: storage.total_limit_size 5G: see buffer.max_size
}

output "s3" "s3" {
  bucket = "acme-logs"
  region = "eu-central-1"
  acl    = "bucket-owner-full-control"
  # LEFT OUT: log_key log: records go out whole: leave the parsers out so that lines stay lines,
  # with format "raw"
  assume_role {
    arn = "arn:aws:iam::1:role/fb"
  }
  path = "${tag[0]}/${strftime("%Y/%m/%d/%H")}"
  # Changed: s3_key_format /$TAG[0]/%Y/%m/%d/%H/$UUID.gz: the last part of it gives way to a name
  # made of the positions of what is in the object, so that none is written twice
  roll {
    age  = "10m"
    size = "100MiB"
  }
  compression = "gzip"
  format "ndjson" {}
  # Changed: OUTPUT s3 json_date_key date: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  # LEFT OUT: s3_key_format_tag_delimiters .-: tags are divided at dots
  # Left out: use_put_object On: see part_size
  # Left out: content_type application/gzip: penstock has nothing of this name here
  # Left out: store_dir /var/lib/fluent-bit/s3: the spool lies below data_dir
  # Left out: store_dir_limit_size 2G: penstock has nothing of this name here
  # LEFT OUT: static_file_path Off: penstock has nothing of this name here
  # Left out: send_content_md5 On: penstock has nothing of this name here
  # Left out: preserve_data_ordering On: penstock has nothing of this name here
  # LEFT OUT: sts_endpoint https://sts.eu-central-1.amazonaws.com: penstock has nothing of this
  # name here
  # Left out: retry_limit 5: attempts never end, and nothing is given up
  # LEFT OUT: FILTER rewrite_tag rule $level ^(error|fatal)$ errors.$TAG[1] true: the new tag: what
  # is written here is the tag that records came with; write ${expr("header.new_tag ?? tag")} where
  # it is a template
}

output "elasticsearch" "elasticsearch" {
  urls            = ["https://es.example.com:443"]
  timestamp_field = "@timestamp"
  index           = "web-${strftime("%Y.%m.%d")}"
  user            = "fb"
  password        = "hunter2"
  tls {
    insecure_skip_verify = true
    # Left out: ca_file = "/etc/es/ca.pem": nothing is verified here
  }
  # LEFT OUT: logstash_prefix_key $kubernetes['namespace_name']: penstock has nothing of this name
  # here
  # Left out: replace_dots On: see filter "rename_fields"
  # Left out: suppress_type_name On: Elasticsearch has no types any more
  # Left out: generate_id On: penstock has nothing of this name here
  # Left out: write_operation create: penstock has nothing of this name here
  # Left out: trace_error On: see the log
  # Left out: buffer_size 512k: penstock has nothing of this name here
  # Left out: workers 4: see window.lanes
  # Left out: net.keepalive On: connections are kept
  # Left out: net.keepalive_idle_timeout 30: penstock has nothing of this name here
  # Left out: retry_limit no_limits: attempts never end, and nothing is given up
}

output "http" "http" {
  url = "https://hooks.example.com:443/in"
  headers = {
    "X-Token" = env("TOKEN")
  }
  tls {}
  # LEFT OUT: header_tag X-Tag: penstock has nothing of this name here
  # Left out: allow_duplicated_headers false: penstock has nothing of this name here
}

pipeline "main" {
  from = [
    input.tail.app_team_app,
    input.forward.forward,
    input.http.http,
    input.journald.journal,
  ]
  filter = [
    filter.parse.app_team_app,
    filter.add_fields.file,
    filter.drop.grep,
    filter.drop.grep_2,
    filter.parse.parser,
    filter.time.parser,
    filter.parse.parser_2,
    filter.parse.parser_3,
    filter.time.parser_2,
    filter.add_fields.record_modifier,
    filter.remove_fields.record_modifier,
    filter.nest.nest,
    filter.flatten.nest,
    filter.set.rewrite_tag,
    filter.set.rewrite_tag_2,
    filter.lookup.geoip2,
    filter.set.geoip2,
    filter.remove_fields.geoip2,
    filter.multiline.multiline,
  ]
  # LEFT OUT: FILTER modify: a rule changes what a condition asks, and more follow: write its
  # filters with if
  # Left out: print_status true: penstock has nothing of this name here
  # Left out: emitter_name re_emitted: what is held has bounds, and lies on disk
  # Left out: emitter_storage.type filesystem: what is held has bounds, and lies on disk
  # Left out: emitter_mem_buf_limit 20M: what is held has bounds, and lies on disk
  # LEFT OUT: FILTER lua: code of one's own does not run here; see filter "set" and penstock help
  # expressions
  # Left out: buffer on: what is held has bounds, and lies on disk
  # Left out: FILTER log_to_metrics: see filter "count": counters and histograms on /metrics
  # Left out: FILTER expect: see penstock test
  # LEFT OUT: OUTPUT loki: there is no such output; see penstock help for those there are
  route {
    if = "(tag matches '^(?:errors(?:[.].*)?)$' or header.copied_tag matches '^(?:errors(?:[.].*)?)$')"
    to = [output.kafka.kafka]
  }
  route {
    if = "((header.new_tag ?? tag) matches '^(app|team)\\\\..*' or header.copied_tag matches '^(app|team)\\\\..*')"
    to = [output.s3.s3]
  }
  route {
    match = ["web.**"]
    to    = [output.elasticsearch.elasticsearch]
  }
  route {
    match = ["hooks.**"]
    to    = [output.http.http]
  }
  # LEFT OUT: filter.uuid.record_modifier: it is refused: makes ids of the records' places in the
  # buffer, and cannot stand before a multiline filter, which works in front of the buffer: write
  # it after that one
  # Changed: FILTER throttle: the first records of each window pass, by their own times
  # LEFT OUT: filter.throttle.throttle: it is refused: remembers records by their places in the
  # buffer, and cannot stand before a multiline filter, which works in front of the buffer: write
  # it after that one
}
