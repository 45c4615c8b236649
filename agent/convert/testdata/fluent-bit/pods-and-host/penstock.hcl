# Shows: pods and a host's journal, as on a node of Kubernetes: a day as a time, librdkafka's
# linger, what Elasticsearch's output has.
agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server On: the status page and /metrics, on loopback unless written otherwise
  }
  # Left out: flush 1: outputs read the buffer all the time
  # Left out: http_listen 0.0.0.0: the status page is on loopback: see agent.admin.listen
  # Left out: scheduler.cap 30: see retry
}

input "tail" "kube" {
  paths           = ["/var/log/pods/*/*.log"]
  exclude         = ["/**/*.gz", "/**/*.zip"]
  tag             = "kube.${path_dots}"
  start_at        = "end"
  rescan_interval = "5s"
  ignore_older    = "1d"
  max_line_size   = "1MiB"
  long_lines      = "skip"
  container       = true
  # Changed: multiline.parser docker, cri: the time that the runtime has written is the record's,
  # not a field
  path_header = "path"
  # Left out: mem_buf_limit 20MB: the buffer is on disk: see buffer.max_size
  # Left out: db /tail-db/tail.db: positions are kept below data_dir
}

filter "parse" "kube" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  if = "tag matches '^(?:kube(?:[.].*)?)$'"
  fields = {
    stream = header.stream
  }
}

filter "add_fields" "log_path" {
  if = "tag matches '^(?:kube(?:[.].*)?)$'"
  fields = {
    log_path = header.path
  }
}

input "journald" "journal" {
  tag = "host.journal"
  # LEFT OUT: INPUT systemd tag host.*: the unit is no part of the tag; it is a field, by which a
  # route can choose with if
  units = ["kubelet.service"]
  # Left out: strip_underscores On: fields are called as the journal calls them
  # Left out: lowercase On: fields are called as the journal calls them
}

filter "throttle" "throttle" {
  if    = "tag matches '^(?:kube(?:[.].*)?)$'"
  limit = 5000
  per   = "5s"
  # Changed: FILTER throttle: the first records of each window pass, by their own times
}

filter "parse" "parser" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  format  = "regex"
  field   = "log"
  pattern = "(?m)^(?P<time>[^ ]+) (?P<level>\\w+) (?P<msg>.*)$"
  types = {
    status = "int"
  }
}

filter "time" "parser" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  field   = "time"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
}

filter "parse" "parser_2" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  format = "json"
  field  = "msg"
  into   = "msg"
  # Left out: skip_empty_values Off: penstock has nothing of this name here
}

filter "rename_fields" "modify" {
  fields = {
    a = "b"
  }
}

filter "set" "modify" {
  fields = {
    d = "field['c']"
  }
}

filter "remove_fields" "modify" {
  matching = ["^tmp_"]
}

filter "rename_fields" "modify_2" {
  fields = {
    log = "message"
  }
  overwrite = false
}

filter "where" "grep" {
  if        = "tag matches '^(?:kube(?:[.].*)?)$'"
  condition = "((type(field.level) == 'string' and field.level matches '^(error|warn)$') or (type(field.status) == 'string' and field.status matches '^5'))"
}

output "elasticsearch" "elasticsearch" {
  urls            = ["https://${env("ES_HOST")}:9200"]
  timestamp_field = "@timestamp"
  index           = "logs-${strftime("%Y.%m.%d")}"
  tls {
    insecure_skip_verify = true
    # Left out: ca_file = "/ca.pem": nothing is verified here
  }
  # LEFT OUT: logstash_prefix_key $kubernetes['namespace_name']: penstock has nothing of this name
  # here
  # Left out: replace_dots On: see filter "rename_fields"
  # Left out: generate_id On: penstock has nothing of this name here
  # Left out: retry_limit False: attempts never end, and nothing is given up
  # Left out: trace_error On: see the log
  # Left out: buffer_size 20MB: penstock has nothing of this name here
  # Left out: suppress_type_name On: Elasticsearch has no types any more
}

output "kafka" "kafka" {
  brokers = ["k1:9092", "k2:9092"]
  topic   = "host"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
  # Left out: rdkafka.log.connection.close false: what matters is in the log
  linger      = "100ms"
  compression = "lz4"
}

pipeline "main" {
  from = [input.tail.kube, input.journald.journal]
  filter = [
    filter.parse.kube,
    filter.add_fields.stream,
    filter.add_fields.log_path,
    filter.throttle.throttle,
    filter.parse.parser,
    filter.time.parser,
    filter.parse.parser_2,
    filter.rename_fields.modify,
    filter.set.modify,
    filter.remove_fields.modify,
    filter.rename_fields.modify_2,
    filter.where.grep,
  ]
  route {
    match = ["kube.**"]
    to    = [output.elasticsearch.elasticsearch]
  }
  route {
    match = ["host.**"]
    to    = [output.kafka.kafka]
  }
}
