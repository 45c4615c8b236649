agent {
  data_dir = "/var/lib/penstock"
  # Left out: filebeat.inputs: it is not enabled
  # LEFT OUT: filebeat.inputs: there is no such input; see penstock help for those there are
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:5066"
    # Changed: http.enabled: the status page and /metrics
  }
  # Left out: filebeat.registry.path = /var/lib/fb: positions are kept below data_dir
  # Left out: filebeat.shutdown_timeout = 5s: penstock has nothing of this name here
  # Left out: name = edge-1: see agent.name
  # Left out: processors.drop_fields.ignore_missing = true: what is not there is left alone
  # Left out: processors.rename.ignore_missing = true: what is not there is left alone
  # Left out: processors.rename.fail_on_error = false: what fails passes as it is
  # Left out: processors.timestamp.test = 2019-06-22T16:33:51Z: see penstock test
  # Left out: queue.disk.max_size = 10GB: see buffer.max_size
  # Left out: queue.mem.events = 4096: the buffer is on disk: see buffer.max_size
  # Left out: logging.to_files = true: the log goes to standard error
  # Left out: setup.kibana.host = k: dashboards are set up by others
  # Left out: setup.template.enabled = false: templates and life cycles are set up by others
  # Left out: monitoring.enabled = true: what a pipeline names runs
}

input "tail" "container_1" {
  paths     = ["/var/log/containers/*.log"]
  exclude   = ["/**/*kube-system*", "/**/*kube-system*/**"]
  tag       = "container_1"
  container = true
  # Changed: filebeat.inputs: the time that the runtime has written is the record's, not a field
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  kubernetes {
    node          = env("NODE_NAME")
    honor_exclude = false
  }
  # Left out: filebeat.inputs.processors.decode_json_fields.overwrite_keys = true: what is parsed
  # takes the place of fields of its names
  # Left out: filebeat.inputs.processors.decode_json_fields.add_error_key = true: what cannot be
  # parsed passes as it is: see on_failure
}

filter "parse" "container_1" {
  if      = "tag == 'container_1'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "container_1_stream" {
  if = "tag == 'container_1'"
  fields = {
    stream = header.stream
  }
}

filter "set" "add_kubernetes_metadata" {
  if = "tag == 'container_1' and header.pod != nil"
  fields = {
    kubernetes = "{namespace: header.namespace, pod: {name: header.pod, uid: header.uid}, node: {name: header.node}, container: {name: header.container}, labels: headers('labels.')}"
  }
  # Changed: filebeat.inputs.processors.add_kubernetes_metadata: what it tells of namespaces, nodes
  # and images is not told; the headers go with the record
  # Left out: filebeat.inputs.processors.add_kubernetes_metadata.matchers: pods are told by the
  # paths of their logs, always
}

filter "drop" "drop_event" {
  if = "tag == 'container_1' and (field.kubernetes.namespace == 'kube-system' or string(field.message ?? '') contains 'healthz')"
}

filter "parse" "decode_json_fields" {
  if     = "tag == 'container_1'"
  format = "json"
  field  = "message"
  keep   = "message"
}

input "tail" "app" {
  paths          = ["/var/log/app/*.log"]
  ignore_older   = "2d"
  close_inactive = "5m"
  exclude        = ["/**/*.gz"]
  multiline {
    start = "^\\["
  }
  tag = "app"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = app: the input has a name
  # Left out: filebeat.inputs.parsers.ndjson.overwrite_keys = true: what is parsed takes the place
  # of fields of its names
  # Left out: filebeat.inputs.parsers.ndjson.message_key = msg: penstock has nothing of this name
  # here
  # Left out: filebeat.inputs.clean_inactive = 72h: see forget_after
  # Left out: filebeat.inputs.harvester_limit = 10: see max_open_files
}

filter "parse" "app" {
  if      = "tag == 'app'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "app" {
  if = "tag == 'app'"
  fields = {
    kafka_topic = "app"
    app         = "shop"
  }
}

filter "set" "app_tags" {
  if = "tag == 'app'"
  fields = {
    tags = "concat(field.tags ?? [], ['app'])"
  }
}

input "tail" "log_4" {
  paths         = ["/var/log/nginx/*access.log"]
  start_at      = "end"
  max_line_size = "1MiB"
  long_lines    = "truncate"
  empty_lines   = "skip"
  tag           = "log_4"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
  # Left out: filebeat.inputs.json.add_error_key = true: what cannot be parsed passes as it is: see
  # on_failure
  # Left out: filebeat.inputs.scan_frequency = 5s: see rescan_interval
}

filter "grep" "log_4" {
  if      = "tag == 'log_4'"
  include = ["."]
}

filter "grep" "log_4_2" {
  if      = "tag == 'log_4'"
  exclude = ["^DBG", "healthz"]
}

filter "parse" "log_4" {
  if      = "tag == 'log_4'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "log_4" {
  if = "tag == 'log_4'"
  fields = {
    "fields.kafka_topic" = "nginx"
  }
}

input "syslog" "syslog_5" {
  listen           = ["udp://0.0.0.0:9000"]
  max_message_size = "10KiB"
  # Changed: filebeat.inputs: fields are called as penstock calls them: see penstock help
  # input.syslog
  tag = "syslog_5"
}

input "journald" "j" {
  matches = ["_SYSTEMD_UNIT=ssh.service"]
  tag     = "j"
  # Changed: filebeat.inputs journald: fields other than message are called as the journal calls
  # them
  # Left out: filebeat.inputs.id = j: the input has a name
}

filter "rename_fields" "j" {
  if = "tag == 'j'"
  fields = {
    MESSAGE = "message"
  }
}

filter "add_fields" "shipper" {
  fields = {
    dc = "fra"
  }
}

filter "set" "shipper_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['prod'])"
  }
}

filter "remove_fields" "drop_fields" {
  fields = ["agent", "ecs", "host.mac"]
}

filter "rename_fields" "rename" {
  fields = {
    a = "b.c"
  }
}

filter "parse" "dissect" {
  format  = "regex"
  field   = "message"
  keep    = "message"
  pattern = "(?s)^(?P<k1>.*?) (?P<k2>.*)$"
  into    = "d"
}

filter "truncate" "truncate_fields" {
  fields = ["message"]
  size   = "1024B"
}

filter "add_fields" "add_fields" {
  fields = {
    "project.name" = "x"
  }
}

filter "set" "add_tags" {
  fields = {
    env = "concat(field.env ?? [], ['web'])"
  }
}

filter "set" "copy_fields" {
  fields = {
    original = "field.message"
  }
}

filter "hash" "fingerprint" {
  fields = ["message"]
  into   = "@metadata._id"
  # Changed: processors.fingerprint: the hash is another: names of fields are not hashed; see
  # algorithm
  # LEFT OUT: processors.fingerprint.target_field: it is a field; for ids of documents write filter
  # "set" with a header of it, and id_header
}

filter "time" "timestamp" {
  field   = "time"
  formats = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"]
}

filter "set" "convert" {
  fields = {
    status = "field.code"
  }
}

filter "convert" "convert" {
  types = {
    status = "int"
  }
}

filter "replace" "replace" {
  field   = "m"
  pattern = "a"
  with    = "b"
}

filter "drop" "drop_event_2" {
  if = "field.status < 200"
}

filter "set" "add_tags_2" {
  if = "string(field.message ?? '') matches '^E'"
  fields = {
    tags = "concat(field.tags ?? [], ['err'])"
  }
}

filter "remove_fields" "drop_fields_2" {
  if     = "not (string(field.message ?? '') matches '^E')"
  fields = ["x"]
}

filter "throttle" "rate_limit" {
  limit = 100
  per   = "1s"
}

output "kafka" "kafka" {
  brokers = ["k1:9092", "k2:9092"]
  # LEFT OUT: output.kafka.topics: write a route with an output of its own
  topic           = "${header.topic}"
  key             = "${field.app}"
  partitioner     = "hash"
  compression     = "gzip"
  batch_max_bytes = "1MB"
  headers = {
    k = "v"
  }
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "u"
    password  = env("KP")
  }
  tls {
    insecure_skip_verify = true
  }
  # Left out: output.kafka.partition.hash.hash = app: penstock has nothing of this name here
  # Left out: output.kafka.partition.hash.reachable_only = true: see delivery_timeout
  # Left out: output.kafka.required_acks = 1: a record counts as delivered when all in-sync
  # replicas have it, always
  # Left out: output.kafka.codec.json.pretty = false: records stand on a line each
  # Left out: output.kafka.codec.json.escape_html = false: penstock has nothing of this name here
  # Left out: output.kafka.bulk_max_size = 2048: see window
  # Left out: output.kafka.version = 1.0.0: it is found out
}

filter "set" "topic" {
  headers = {
    topic = "(field.fields.log_topic != nil) ? string(field.fields.log_topic) : field.kafka_topic != nil ? string(field.kafka_topic) : nil"
  }
}

pipeline "main" {
  from = [
    input.tail.container_1,
    input.tail.app,
    input.tail.log_4,
    input.syslog.syslog_5,
    input.journald.j,
  ]
  filter = [
    filter.parse.container_1,
    filter.add_fields.container_1_stream,
    filter.set.add_kubernetes_metadata,
    filter.drop.drop_event,
    filter.parse.decode_json_fields,
    filter.parse.app,
    filter.add_fields.app,
    filter.set.app_tags,
    filter.grep.log_4,
    filter.grep.log_4_2,
    filter.parse.log_4,
    filter.add_fields.log_4,
    filter.rename_fields.j,
    filter.add_fields.shipper,
    filter.set.shipper_tags,
    filter.remove_fields.drop_fields,
    filter.rename_fields.rename,
    filter.parse.dissect,
    filter.truncate.truncate_fields,
    filter.add_fields.add_fields,
    filter.set.add_tags,
    filter.set.copy_fields,
    filter.hash.fingerprint,
    filter.time.timestamp,
    filter.set.convert,
    filter.convert.convert,
    filter.replace.replace,
    filter.drop.drop_event_2,
    filter.set.add_tags_2,
    filter.remove_fields.drop_fields_2,
    filter.throttle.rate_limit,
    filter.set.topic,
  ]
  to = [output.kafka.kafka]
  # LEFT OUT: filebeat.inputs.index = app-%{+yyyy.MM.dd}: it is for this input alone: write a route
  # with an output of its own
  # LEFT OUT: filebeat.inputs.pipeline = p: it is for this input alone: write a route with an
  # output of its own
  # LEFT OUT: filebeat.modules: write inputs for the files that it finds
  # LEFT OUT: filebeat.autodiscover: write inputs for the files that it finds
  # Shows: a node of Kubernetes: pods with what the API server knows, tags that are added, JSON of
  # containers, the journal from its end, processors that penstock has not.
  # LEFT OUT: filebeat.config: write inputs for the files that it finds
  # Left out: processors.add_host_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # Left out: processors.add_cloud_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # Left out: processors.add_docker_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # LEFT OUT: processors.script: write filter "set" with expressions, or "wasm"
  # LEFT OUT: processors.registered_domain: there is no filter that does this: have what reads the
  # records do it, or filter "wasm"
  # LEFT OUT: processors.detect_mime_type: there is no filter that does this; see penstock help
}
