# Shows: containers' lines in two formats, grok by sections, or of grep, Elasticsearch with a
# secondary, GCS with a project.
agent {
  data_dir = "/var/lib/penstock"
  # Left out: workers 2: an agent uses the processors there are; GOMAXPROCS limits it
  # Left out: root_dir /var/log/fluentd: see data_dir
}

input "tail" "in_tail" {
  paths       = ["/var/log/containers/*.log"]
  exclude     = ["/var/log/containers/fluent*"]
  tag         = "kubernetes.${path_dots}"
  path_header = "path"
  container   = true
  # Changed: <source> tail multi_format: what the runtime has cut is put together, and the time
  # that it has written is the record's
  # Left out: time_format %Y-%m-%dT%H:%M:%S.%NZ: the runtime's lines are read as such
  # Left out: time_key time: the runtime's lines are read as such
  # Left out: keep_time_key true: the runtime's lines are read as such
  # Left out: time_format %Y-%m-%dT%H:%M:%S.%N%:z: the runtime's lines are read as such
  # Left out: pos_file /var/log/containers.log.pos: positions are kept below data_dir
  # Left out: follow_inodes true: files are told apart by device, inode and contents, always
  kubernetes {
    node = env("NODE_NAME")
    # Changed: <filter kubernetes.**> kubernetes_metadata, node: NODE_NAME is to be this node's
    # name: give the pod that variable, from spec.nodeName
    labels        = []
    honor_exclude = false
  }
}

filter "parse" "containers" {
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  fields = {
    stream = header.stream
  }
}

filter "add_fields" "file" {
  fields = {
    file = header.path
  }
}

filter "set" "kubernetes" {
  if = "tag matches '^(?:kubernetes(?:[.].*)?)$' and header.pod != nil"
  fields = {
    docker     = "{container_id: header.container_id}"
    kubernetes = "{pod_name: header.pod, namespace_name: header.namespace, pod_id: header.uid, host: header.node, container_name: header.container}"
  }
  # Changed: <filter kubernetes.**> kubernetes_metadata: the image, the pod's address, the
  # namespace's labels and master_url are not told; the headers go with the record
}

filter "parse" "parser" {
  if     = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  format = "grok"
  field  = "log"
  patterns = [
    "%%{TIMESTAMP_ISO8601:ts} %%{WORD:level} %%{GREEDYDATA:msg}",
    "%%{GREEDYDATA:msg}",
  ]
  into = "parsed"
  # Left out: grok_failure_key grokfail: penstock has nothing of this name here
}

filter "remove_fields" "parser" {
  if     = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  fields = ["time"]
}

filter "grep" "grep" {
  if      = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  field   = "level"
  exclude = ["(?i)debug"]
}

filter "where" "grep" {
  if        = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  condition = "string(field.a ?? '') matches 'x'"
}

filter "add_fields" "record_modifier" {
  fields = {
    cluster = "prod"
  }
}

filter "remove_fields" "record_modifier" {
  fields = ["a", "b"]
}

# <match kubernetes.var.log.containers.noisy**> null
filter "drop" "null" {
  if = "tag matches '^(?:kubernetes[.]var[.]log[.]containers[.]noisy.*)$'"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://${env("ES_HOST", "es")}:${env("ES_PORT", "9200")}"]
  index     = "k8s-${strftime("%Y.%m.%d")}"
  user      = env("U")
  password  = env("P")
  tag_field = "tag"
  timeout   = "15s"
  tls {
    insecure_skip_verify = true
  }
  # Left out: path /var/log/buf: buffers lie below data_dir
  # Left out: timekey 1h: outputs read the buffer all the time, at their own pace
  # Left out: flush_mode interval: outputs read the buffer all the time, at their own pace
  # Left out: retry_type exponential_backoff: attempts never end, and nothing is given up
  # Left out: flush_thread_count 2: outputs read the buffer all the time, at their own pace
  # Left out: chunk_limit_size 8M: a buffer has no chunks
  failover {
    to = output.local.elasticsearch_overflow
    # Changed: <secondary> secondary_file: it is used once the destination has taken nothing for
    # after, and what went there is sent on by itself when the destination is back
  }
  # Left out: @log_level info: see agent.log
  # Left out: ssl_version TLSv1_2: it is TLS 1.2 or later
  # Left out: type_name _doc: Elasticsearch has no types any more
  # Left out: reload_connections false: all urls are tried
  # Left out: reconnect_on_error true: it always does
  # LEFT OUT: index_date_pattern now/d: penstock has nothing of this name here
  # Left out: slow_flush_log_threshold 25.0: see /metrics
}

output "local" "elasticsearch_overflow" {
  directory = "/var/log/failed"
}

output "gcs" "gcs" {
  bucket = "logs-${hostname()}"
  roll {
    age = "1d"
  }
  prefix = "app"
  path   = "${tag}/${strftime("%Y/%m/%d")}"
  # Changed: object_key_format %{path}%{time_slice}_%{index}.%{file_extension}: objects are named
  # by the positions of what is in them, so that none is written twice; what stands before the
  # name, or the date in it, is path
  compression = "gzip"
  format "ndjson" {}
  # Left out: timekey_wait 10m: a cut waits for nothing; late records go where their own time says
  # Left out: project acme: a bucket's name is enough
  # Left out: acl private: penstock has nothing of this name here
  # Left out: auto_create_bucket false: the bucket must exist
}

pipeline "main" {
  from = [input.tail.in_tail]
  filter = [
    filter.parse.containers,
    filter.add_fields.stream,
    filter.add_fields.file,
    filter.set.kubernetes,
    filter.parse.parser,
    filter.remove_fields.parser,
    filter.grep.grep,
    filter.where.grep,
    filter.add_fields.record_modifier,
    filter.remove_fields.record_modifier,
    filter.drop.null,
  ]
  buffer {
    max_size = "2GiB"
    # Changed: overflow_action throw_exception: inputs wait when the buffer is full
  }
  route {
    match = ["kubernetes.**"]
    to    = [output.elasticsearch.elasticsearch]
  }
  otherwise = [output.gcs.gcs]
}
