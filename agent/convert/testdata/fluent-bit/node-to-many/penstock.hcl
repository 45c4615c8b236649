# Shows: a node with a long configuration: type_converter, uuid, or of grep, an index by year,
# topics by a field, tokens, outputs that penstock has not.
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server On: the status page and /metrics, on loopback unless written otherwise
  }
  # Left out: flush 5: outputs read the buffer all the time
  # Left out: daemon off: let systemd start it
  # Left out: health_check On: see /healthz
  # Left out: hc_errors_count 5: see /healthz
  # Left out: storage.path /var/lib/flb/: the buffer lies below data_dir
  # Left out: storage.backlog.mem_limit 50M: see buffer
}

input "tail" "kube" {
  paths      = ["/var/log/containers/*.log"]
  tag        = "kube.${path_dots}"
  start_at   = "end"
  long_lines = "skip"
  container  = true
  # Changed: parser docker: the time that the runtime has written is the record's, not a field
  # Changed: parser docker, parts of lines: what the runtime has cut is put together
  # Left out: db.sync Off: positions are kept below data_dir
  # Left out: docker_mode On: container = true of input "tail" puts lines together
  # Left out: docker_mode_flush 4: container = true of input "tail" puts lines together
  kubernetes {
    node = env("NODE_NAME")
    # Changed: FILTER kubernetes, node: NODE_NAME is to be this node's name: give the pod that
    # variable, from spec.nodeName
    labels        = []
    honor_exclude = false
  }
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

input "journald" "journal" {
  tag = "service.journal"
  # LEFT OUT: INPUT systemd tag service.*: the unit is no part of the tag; it is a field, by which
  # a route can choose with if
  directory = "/var/log/journal"
  units     = ["docker.service", "kubelet.service"]
  from      = "beginning"
  # Left out: max_entries 1000: penstock has nothing of this name here
}

filter "set" "kubernetes" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, namespace_name: header.namespace, pod_id: header.uid, host: header.node, container_name: header.container, docker_id: header.container_id}"
  }
  # Changed: FILTER kubernetes: container_image, container_hash and pod_ip are not told; the
  # headers go with the record
}

filter "flatten" "nest" {
  if        = "tag matches '^(?:kube(?:[.].*)?)$'"
  field     = "kubernetes"
  separator = "_"
  # Changed: FILTER nest lift kubernetes: objects within it come to the top as well, by names such
  # as kubernetes_NAME_OTHER
}

filter "remove_fields" "modify" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  fields = ["stream"]
}

filter "remove_fields" "modify_2" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  fields = ["kubernetes_pod_id"]
}

filter "remove_fields" "modify_3" {
  if       = "tag matches '^(?:kube(?:[.].*)?)$'"
  matching = ["^tmp"]
}

filter "nest" "nest" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  prefix = "kubernetes_"
  into   = "kubernetes"
}

filter "drop" "grep" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and type(field.log) == 'string' and field.log matches '/healthz'"
}

filter "drop" "grep_2" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and type(field.kubernetes.container_name) == 'string' and field.kubernetes.container_name matches '^istio-proxy$'"
}

filter "add_fields" "record_modifier" {
  fields = {
    cluster = env("CLUSTER")
  }
}

filter "add_fields" "record_modifier_2" {
  fields = {
    hostname = env("HOSTNAME")
  }
}

filter "keep_fields" "record_modifier" {
  fields = ["log", "cluster", "hostname"]
}

filter "remove_fields" "record_modifier" {
  fields = ["foo"]
}

filter "uuid" "record_modifier" {
  field = "id"
}

filter "set" "type_converter" {
  fields = {
    status_int = "int(field.status)"
  }
}

filter "where" "grep" {
  if        = "tag matches '^(?:service(?:[.].*)?)$'"
  condition = "((type(field.PRIORITY) == 'string' and field.PRIORITY matches '^[0-4]$') or (type(field._SYSTEMD_UNIT) == 'string' and field._SYSTEMD_UNIT matches '^kubelet'))"
}

filter "drop" "grep_3" {
  if = "tag matches '^(?:service(?:[.].*)?)$' and type(field.MESSAGE) == 'string' and field.MESSAGE matches 'debug' and type(field.PRIORITY) == 'string' and field.PRIORITY matches '^7$'"
}

output "elasticsearch" "elasticsearch" {
  urls            = ["http://es:9200/es"]
  timestamp_field = "@timestamp"
  index           = "ks-${strftime("%Y.%m.%d")}"
  # Left out: time_key_format %Y-%m-%dT%H:%M:%S: penstock has nothing of this name here
  # Left out: id_key uid: penstock has nothing of this name here
  # Left out: write_operation upsert: penstock has nothing of this name here
  # Left out: compress gzip: penstock has nothing of this name here
  # Left out: cloud_auth a:b: penstock has nothing of this name here
  # Left out: storage.total_limit_size 5G: see buffer.max_size
}

output "s3" "s3" {
  bucket = "logs"
  region = "eu-west-1"
  acl    = "private"
  # LEFT OUT: log_key log: records go out whole: leave the parsers out so that lines stay lines,
  # with format "raw"
  path = "app/${tag[2]}/year=${strftime("%Y")}/month=${strftime("%m")}/day=${strftime("%d")}"
  # Changed: s3_key_format /app/$TAG[2]/year=%Y/month=%m/day=%d/%H-%M-%S-$UUID.gz: the last part of
  # it gives way to a name made of the positions of what is in the object, so that none is written
  # twice
  roll {
    age  = "5m"
    size = "100MiB"
  }
  compression = "gzip"
  format "ndjson" {}
  # Left out: json_date_format iso8601: see json_date_key
  # Changed: OUTPUT s3 json_date_key time: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  # LEFT OUT: s3_key_format_tag_delimiters .-_: tags are divided at dots
  # Left out: content_type application/gzip: penstock has nothing of this name here
  # Left out: preserve_data_ordering true: penstock has nothing of this name here
  # LEFT OUT: static_file_path On: penstock has nothing of this name here
  # LEFT OUT: sts_endpoint https://sts: penstock has nothing of this name here
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "${expr("field.topic in ['host', 'host-errors'] ? field.topic : 'host'")}"
  # Changed: format raw: values are the records' JSON: take the field out with filter "parse", or
  # leave the parse filter out so that lines stay lines
}

output "http" "http" {
  url = "https://collector:443/in"
  # Changed: OUTPUT http json_date_key date: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  compression = "none"
  headers = {
    Authorization = "Bearer ${env("TOKEN")}"
  }
  tls {}
}

output "elasticsearch" "elasticsearch_2" {
  urls      = ["http://os:9200"]
  operation = "index"
  index     = "host-${strftime("%Y.%m")}"
}

pipeline "main" {
  from = [input.tail.kube, input.journald.journal]
  filter = [
    filter.parse.kube,
    filter.add_fields.stream,
    filter.set.kubernetes,
    filter.flatten.nest,
    filter.remove_fields.modify,
    filter.remove_fields.modify_2,
    filter.remove_fields.modify_3,
    filter.nest.nest,
    filter.drop.grep,
    filter.drop.grep_2,
    filter.add_fields.record_modifier,
    filter.add_fields.record_modifier_2,
    filter.keep_fields.record_modifier,
    filter.remove_fields.record_modifier,
    filter.uuid.record_modifier,
    filter.set.type_converter,
    filter.where.grep,
    filter.drop.grep_3,
  ]
  # Left out: FILTER expect: see penstock test
  # Left out: FILTER log_to_metrics: see filter "count": counters and histograms on /metrics
  # LEFT OUT: OUTPUT loki: there is no such output; see penstock help for those there are
  # LEFT OUT: OUTPUT cloudwatch_logs: there is no such output; see penstock help for those there are
  # LEFT OUT: OUTPUT syslog: there is no such output; see penstock help for those there are
  # LEFT OUT: OUTPUT tcp: there is no such output; see penstock help for those there are
  route {
    if = "tag matches '(?:kube|service)\\\\.(.*)'"
    to = [output.elasticsearch.elasticsearch]
  }
  route {
    match = ["kube.**"]
    to    = [output.s3.s3]
  }
  route {
    match = ["service.**"]
    to    = [output.kafka.kafka]
  }
  route {
    match = ["service.**"]
    to    = [output.http.http]
  }
  route {
    match = ["service.**"]
    to    = [output.elasticsearch.elasticsearch_2]
  }
}
