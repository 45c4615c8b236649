agent {
  data_dir = "/var/lib/penstock"
  # Shows: pods with what the API server knows of them, a data stream, branches behind a remap,
  # fields that are kept back, sources and sinks that penstock has not.
  # Left out: data_dir = /var/lib/vector: see agent.data_dir
  admin {
    # Changed: api: the status page and /metrics
    # LEFT OUT: listen = "0.0.0.0:8686": it is refused: agent: admin.listen: other hosts can reach
    # 0.0.0.0:8686: say what they may do there. Write anonymous = "metrics" for metrics and
    # readiness alone, anonymous = "read" for all but commands, or give token =
    # env("PENSTOCK_TOKEN"), read_token or tls with client_ca_file; or listen on 127.0.0.1
  }
  # Left out: log_schema.message_key = msg: penstock has nothing of this name here
  # Left out: enrichment_tables.t.type = file: penstock has nothing of this name here
  # Left out: enrichment_tables.t.file.path = /t.csv: see filter "lookup", whose table may be this
  # file
  # Left out: enrichment_tables.t.file.encoding.type = csv: see filter "lookup", whose table may be
  # this file
  # LEFT OUT: sources.vec: penstock does not speak Vector's protocol: let that Vector send by its
  # sink "http", with codec json and framing newline_delimited, to input "http"
  # Left out: sources.met: penstock takes logs, not measures; see /metrics for its own
  # LEFT OUT: sinks.loki: there is no such output; see penstock help for those there are
  # Left out: sinks.prom: penstock takes logs; see /metrics for its own
}

input "tail" "k8s" {
  paths     = ["/var/log/pods/*/*/*.log"]
  container = true
  kubernetes {
    node          = env("VECTOR_SELF_NODE_NAME")
    annotations   = ["*"]
    honor_exclude = false
    # Changed: sources.k8s: labels of namespaces and nodes, pod_ip and container_image are not
    # told; vector.dev/exclude of a pod is not asked for; the headers go with the record
  }
  tag = "k8s"
  # Changed: sources.k8s: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # LEFT OUT: sources.k8s.extra_label_selector = app!=x: penstock has nothing of this name here
}

input "tail" "app" {
  paths        = ["/var/log/app/*.log"]
  exclude      = ["/var/log/app/debug*.log"]
  ignore_older = "10m"
  multiline {
    start   = "^\\d{4}"
    timeout = "1s"
  }
  tag = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # Left out: sources.app.fingerprint.strategy = device_and_inode: files are told by device, inode
  # and what they begin with
  path_header = "file"
}

input "syslog" "sys" {
  listen = ["udp://0.0.0.0:514"]
  # Changed: sources.sys: procid is text, and structured data stands in fields of its own: see
  # penstock help input.syslog
  tag = "sys"
  # Changed: sources.sys: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "kafka" "kin" {
  brokers = ["k:9092"]
  group   = "v"
  topics  = ["a"]
  start   = "latest"
}

filter "rename_fields" "syslog" {
  if = "tag == 'sys'"
  fields = {
    app_name = "appname"
    proc_id  = "procid"
    msg_id   = "msgid"
  }
}

filter "parse" "message" {
  if      = "tag in ['k8s', 'app']"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "set" "kubernetes" {
  if = "tag == 'k8s' and header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, pod_namespace: header.namespace, pod_uid: header.uid, pod_node_name: header.node, container_name: header.container, container_id: header.container_id, pod_labels: headers('labels.'), pod_annotations: headers('annotations.')}"
    stream     = "header.stream"
    file       = "origin"
  }
}

filter "add_fields" "app_file" {
  if = "tag == 'app'"
  fields = {
    file = header.file
  }
}

filter "add_fields" "app_host" {
  if = "tag == 'app'"
  fields = {
    host = "${agent}"
  }
}

filter "set" "parse" {
  if = "tag in ['app', 'k8s']"
  fields = {
    vector_text = "field.message"
  }
  # Left out: transforms.parse.reroute_dropped = true: see on_failure, and dead_letter of outputs
}

filter "parse" "parse" {
  if     = "tag in ['app', 'k8s']"
  format = "json"
  field  = "vector_text"
}

filter "remove_fields" "parse" {
  if     = "tag in ['app', 'k8s']"
  fields = ["vector_text"]
}

filter "add_fields" "parse" {
  if = "tag in ['app', 'k8s']"
  fields = {
    env = env("ENV")
  }
}

filter "rename_fields" "parse" {
  if = "tag in ['app', 'k8s']"
  fields = {
    svc = "service"
  }
}

filter "set" "branch_1" {
  if = "tag in ['app', 'k8s'] and (field.level != nil or 'level' in field) and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "tag in ['app', 'k8s'] and header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "set" "parse_2" {
  if = "header.branch_1 == '1'"
  fields = {
    level = "upper(field.level)"
  }
}

filter "set" "parse_3" {
  if = "header.branch_1 == '2'"
  fields = {
    level = "'INFO'"
  }
}

filter "drop" "parse" {
  if = "tag in ['app', 'k8s'] and field.level == 'DEBUG'"
}

filter "time" "parse" {
  if    = "tag in ['app', 'k8s']"
  field = "ts"
  # Changed: parse: .timestamp = .ts: it is the record's time, and no field: filter "set" { fields
  # = { timestamp = "time" } } makes one
}

filter "set" "parse_4" {
  if = "tag in ['app', 'k8s']"
  fields = {
    tags = "split(field.tags, ',')"
  }
}

filter "remove_fields" "parse_2" {
  if     = "tag in ['app', 'k8s']"
  fields = ["kubernetes.pod_labels"]
}

filter "parse" "parse_2" {
  if      = "tag in ['app', 'k8s']"
  format  = "regex"
  field   = "msg"
  pattern = "^(?P<a>\\w+) (?P<b>\\d+)$"
  into    = "parts"
  keep    = "msg"
}

filter "set" "parse_5" {
  if = "tag in ['app', 'k8s']"
  fields = {
    n = "int(field.parts.b ?? 0)"
  }
}

filter "parse" "parse_3" {
  if             = "tag in ['app', 'k8s']"
  format         = "key_value"
  field          = "args"
  pair_separator = "&"
  into           = "kv"
  keep           = "args"
}

filter "set" "parse_6" {
  if = "tag in ['app', 'k8s']"
  fields = {
    x = "(field.msg matches 'err')"
  }
}

filter "set" "parse_7" {
  if = "tag in ['app', 'k8s']"
  fields = {
    dur = "(string(field.dur ?? 0) matches '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' ? float(field.dur ?? 0) : 0.0)"
  }
}

output "kafka" "errors" {
  brokers     = ["k1:9092", "k2:9092"]
  linger      = "5ms"
  topic       = "errors-${field.service}"
  key         = "${field.id}"
  compression = "zstd"
  # LEFT OUT: sinks.errors.encoding.except_fields: filters are for all outputs, and work before
  # topics, paths and routes are made: have a pipeline of its own, with filter "remove_fields"
  # Left out: sinks.errors.encoding.codec = json: records go out as they are
  # Left out: sinks.errors.batch.max_events = 100: see window
  # Left out: sinks.errors.acknowledgements.enabled = true: what is read counts when it is on disk,
  # always
}

output "elasticsearch" "audit" {
  urls     = ["https://es:9200"]
  index    = "logs-audit-prod"
  user     = "u"
  password = env("PW")
  # Changed: sinks.audit.id_key = id: write id_header, and filter "set" for that header
  tls {
    insecure_skip_verify = true
  }
  # Left out: sinks.audit.request.headers.X = y: penstock has nothing of this name here
}

output "s3" "lake" {
  bucket        = "b"
  region        = "eu"
  storage_class = "STANDARD_IA"
  encryption {
    type       = "aws:kms"
    kms_key_id = "k"
  }
  path = "d=${field.service}/date=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  # Changed: sinks.lake.filename_time_format = %s: an object's name tells which records are in it,
  # so that none is written twice
  # Changed: sinks.lake.filename_append_uuid = true: an object's name tells which records are in
  # it, so that none is written twice
  compression = "gzip"
  format "ndjson" {}
  roll {
    age  = "5m"
    size = "10MB"
  }
  # Left out: sinks.lake.tags.a = b: penstock has nothing of this name here
  # Left out: sinks.lake.buffer.type = disk: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.lake.buffer.max_size = 1073741824: the buffer is one for all outputs: see
  # buffer.max_size
  # Left out: sinks.lake.buffer.when_full = drop_newest: see buffer.when_full
}

output "http" "out" {
  url         = "https://h/in"
  format      = "json"
  token       = env("TOK")
  method      = "PUT"
  compression = "none"
  # LEFT OUT: sinks.out.payload_prefix = {: penstock has nothing of this name here
}

output "local" "arch" {
  directory = "/out"
  path      = "${expr("field.host ?? agent")}-${strftime("%Y-%m-%d")}"
  # Changed: sinks.arch.path = /out/{{ host }}-%Y-%m-%d.log: files appear whole, in directories by
  # that path, when they roll
  format "raw" {}
  compression = "gzip"
  # LEFT OUT: sinks.arch.encoding.codec = text: records are objects and go out whole, not their
  # message alone: have a pipeline of its own, without what makes objects of lines
}

pipeline "main" {
  from = [input.tail.k8s, input.tail.app, input.syslog.sys]
  filter = [
    filter.rename_fields.syslog,
    filter.parse.message,
    filter.set.kubernetes,
    filter.add_fields.app_file,
    filter.add_fields.app_host,
    filter.set.parse,
    filter.parse.parse,
    filter.remove_fields.parse,
    filter.add_fields.parse,
    filter.rename_fields.parse,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.set.parse_2,
    filter.set.parse_3,
    filter.drop.parse,
    filter.time.parse,
    filter.set.parse_4,
    filter.remove_fields.parse_2,
    filter.parse.parse_2,
    filter.set.parse_5,
    filter.parse.parse_3,
    filter.set.parse_6,
    filter.set.parse_7,
  ]
  # LEFT OUT: sources.kin: a pipeline reads Kafka or a buffer: write a pipeline of its own for it
  # LEFT OUT: parse: .ts = parse_timestamp!(.time, format: "%Y-%m-%dT%H:%M:%S%.3fZ"): penstock has
  # no format like parse_timestamp
  # LEFT OUT: parse: .short = truncate(.msg, 10, ellipsis: true): the argument ellipsis of truncate
  # is not known; write filters for it
  # LEFT OUT: parse: .ip_masked, err = ip_subnet(.ip, "/24"): penstock has no function like
  # ip_subnet; write filters for it
  # LEFT OUT: parse: .hash = sha2(.user): penstock has no function like sha2; write filters for it
  # LEFT OUT: parse: .card = redact(.card, filters: [r'\d{12}']): the argument filters of redact is
  # not known; write filters for it
  # LEFT OUT: parse: for_each(array!(.tags)) -> |i, v| { .last = v }: write filters for it
  # Changed: transforms.parse.drop_on_error: what fails passes as it is: see on_failure
  # Changed: transforms.parse: where Vector makes a field null, what is there stays
  # LEFT OUT: transforms.dd: some outputs get the events without it, and would lack what it takes
  # away: it is left out: have a pipeline of its own for its outputs
  # LEFT OUT: transforms.thr: some outputs get the events without it, and would lack what it takes
  # away: it is left out: have a pipeline of its own for its outputs
  # LEFT OUT: transforms.smp: some outputs get the events without it, and would lack what it takes
  # away: it is left out: have a pipeline of its own for its outputs
  # LEFT OUT: transforms.red: nothing is put together of several records, but lines by filter
  # "multiline"
  # LEFT OUT: transforms.enrich: all outputs get the events as it makes them: some got them without
  # it
  # LEFT OUT: enrich: row, err = get_enrichment_table_record("t", {"id": .id}): write filters for it
  # LEFT OUT: enrich: if err == null { .extra = row }: .extra = row: the variable row is not known;
  # write filters for it
  # LEFT OUT: sinks.lake.inputs parse.dropped: what a transform has dropped goes nowhere by itself:
  # see on_failure = "dead_letter" of filter parse, and dead_letter of outputs
  route {
    if = "tag in ['app', 'k8s'] and (field.level == 'ERROR' or field.status >= 500)"
    to = [output.kafka.errors]
  }
  route {
    if = "tag in ['app', 'k8s'] and (field.action in ['login', 'logout'])"
    to = [output.elasticsearch.audit]
  }
  route {
    if = "tag in ['app', 'k8s'] and not (field.level == 'ERROR' or field.status >= 500) and not ((field.action in ['login', 'logout']))"
    to = [output.s3.lake]
  }
  route {
    if = "tag == 'sys'"
    to = [output.http.out, output.local.arch]
  }
}
