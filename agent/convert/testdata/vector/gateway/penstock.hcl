agent {
  data_dir = "/var/lib/penstock"
  # Shows: a gateway: Kafka's and HTTP's events by long programs, routes with several conditions,
  # dedupe, throttle, sample, reduce and metrics, sinks by branch with batches and buffers
  # Left out: data_dir = /var/lib/vector: see agent.data_dir
  # Left out: timezone = Europe/Berlin: see zone of filters "time" and "parse"
  # Left out: acknowledgements.enabled = true: what is read counts when it is on disk, always
  admin {
    listen = "127.0.0.1:8686"
    # Changed: api: the status page and /metrics
  }
  # Left out: log_schema.host_key = hostname: write filter "add_fields" with ${agent}
  # Left out: log_schema.timestamp_key = @timestamp: the time is the record's, and no field
  # LEFT OUT: sources.collectors: penstock does not speak Vector's protocol: let that Vector send
  # by its sink "http", with codec json and framing newline_delimited, to input "http"
  # Left out: sources.internal: penstock takes logs, not measures; see /metrics for its own
  # LEFT OUT: sinks.fw_loki: there is no such output; see penstock help for those there are
  # Left out: sinks.prom: penstock takes logs; see /metrics for its own
}

input "http" "web" {
  listen = "0.0.0.0:8088"
  # Left out: sources.web.path = /ingest: what is posted is taken, whatever its path is
  # Left out: sources.web.strict_path = false: what is posted is taken, whatever its path is
  # Left out: sources.web.method = POST: what is posted is taken, whatever its path is
  # Left out: sources.web.headers: they are no fields of what is posted
  # Left out: sources.web.query_parameters: they are no fields of what is posted
  auth {
    user "ingest" {
      password = "hunter2"
    }
  }
  tag = "web"
  tls {
    cert_file = "/etc/vector/server.crt"
    key_file  = "/etc/vector/server.key"
  }
  # Changed: sources.web: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "forward" "fluent" {
  listen     = "0.0.0.0:24224"
  tag_prefix = "fluent"
  # Changed: sources.fluent: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # Left out: sources.fluent.keepalive.time_secs = 7200: connections are kept: see idle_timeout
}

input "udp" "firewall" {
  listen        = "0.0.0.0:5514"
  max_line_size = "8KiB"
  tag           = "firewall"
  # Changed: sources.firewall: what Vector adds (timestamp, source_type, host, file ...) is no
  # field: write filter "add_fields"
  # Left out: sources.firewall.receive_buffer_bytes = 8388608: the kernel sizes it
}

filter "parse" "message" {
  if      = "tag == 'firewall'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

# one form for all
# what is no object is no event
filter "drop" "shape" {
  if = "tag[0] in ['web', 'fluent'] and not ((type(field) == 'map'))"
  # Left out: transforms.shape.reroute_dropped = true: see on_failure, and dead_letter of outputs
}

filter "set" "shape" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    service = "lower(((field.service ?? false) != false ? field.service : (field.app ?? false) != false ? field.app : 'unknown'))"
  }
}

filter "set" "shape_2" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    level = "lower((not (type(field.level) in ['array', 'map']) ? string(field.level ?? '') : 'info'))"
  }
}

filter "set" "branch_1" {
  if = "tag[0] in ['web', 'fluent'] and (field.level in ['warn', 'warning']) and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "tag[0] in ['web', 'fluent'] and (field.level == 'err' or field.level == 'fatal') and header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "set" "shape_3" {
  if = "header.branch_1 == '1'"
  fields = {
    level = "'warning'"
  }
}

filter "set" "shape_4" {
  if = "header.branch_1 == '2'"
  fields = {
    level = "'error'"
  }
}

filter "set" "shape_5" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    status = "((type(field.status) == 'float' or string(field.status ?? 0) matches '^[-+]?[0-9]+$') ? int(field.status ?? 0) : 0)"
  }
}

filter "set" "shape_6" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    duration_ms = "round((string(field.duration ?? 0) matches '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' ? float(field.duration ?? 0) : 0.0 * 1000.0) * 100) / 100"
  }
}

filter "set" "shape_7" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    ok = "field.status < 500"
  }
}

filter "add_fields" "shape" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    env = env("ENVIRONMENT", "dev")
  }
}

filter "remove_fields" "shape" {
  if     = "tag[0] in ['web', 'fluent'] and (field.password != nil or 'password' in field)"
  fields = ["password"]
}

filter "remove_fields" "shape_2" {
  if     = "tag[0] in ['web', 'fluent']"
  fields = ["debug"]
}

filter "rename_fields" "shape" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    uid = "user.id"
  }
}

filter "replace" "shape" {
  if      = "tag[0] in ['web', 'fluent']"
  field   = "message"
  pattern = "\\b\\d{13,16}\\b"
  with    = "[card]"
}

filter "set" "shape_8" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    message = "trim(field.message)"
  }
}

filter "time" "shape" {
  if      = "tag[0] in ['web', 'fluent']"
  field   = "time"
  formats = ["%Y-%m-%dT%H:%M:%S.%fZ"]
  # Changed: shape: .timestamp = parse_timestamp(.time, format: "%Y-%m-%dT%H:%M:%S%.fZ"): it is the
  # record's time, and no field: filter "set" { fields = { timestamp = "time" } } makes one
  # Changed: shape: a time that names no zone is UTC here, and local there: write zone
}

filter "set" "shape_9" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    tags = "split((field.tags ?? ''), ',')"
  }
}

filter "set" "shape_10" {
  if = "tag[0] in ['web', 'fluent']"
  fields = {
    host = "agent"
  }
}

filter "parse" "firewall_events" {
  if      = "tag == 'firewall'"
  format  = "regex"
  field   = "message"
  pattern = "^<(?P<pri>\\d+)>(?P<stamp>\\w+ +\\d+ [\\d:]+) (?P<device>\\S+) (?P<text>.*)$"
  keep    = "message"
}

filter "set" "firewall_events" {
  if = "tag == 'firewall'"
  fields = {
    vector_text = "field.text"
  }
}

filter "parse" "firewall_events_2" {
  if              = "tag == 'firewall'"
  format          = "key_value"
  field           = "vector_text"
  value_separator = "="
  pair_separator  = " "
}

filter "remove_fields" "firewall_events" {
  if     = "tag == 'firewall'"
  fields = ["vector_text"]
}

filter "set" "firewall_events_2" {
  if = "tag == 'firewall'"
  fields = {
    action = "upper(field.action)"
  }
}

filter "set" "firewall_events_3" {
  if = "tag == 'firewall'"
  fields = {
    bytes_total = "int(field.sent ?? 0) + int(field.rcvd ?? 0)"
  }
}

filter "remove_fields" "firewall_events_2" {
  if     = "tag == 'firewall'"
  fields = ["text"]
}

# what says nothing goes
filter "where" "not_noise" {
  if        = "tag[0] in ['web', 'fluent']"
  condition = "not ((field.path matches '^/(health|metrics)')) and field.level != 'debug'"
}

output "elasticsearch" "errors_es" {
  urls        = ["https://es-1.example.com:9200", "https://es-2.example.com:9200"]
  index       = "errors-${field.service}-${strftime("%Y.%m.%d")}"
  user        = "vector"
  password    = env("ES_PASSWORD")
  compression = "gzip"
  tls {
    ca_file = "/etc/ssl/es.pem"
  }
  # Left out: sinks.errors_es.api_version = v8: it finds out by itself
  # Left out: sinks.errors_es.tls.verify_hostname = false: see insecure_skip_verify
  # Left out: sinks.errors_es.batch.max_bytes = 5242880: see window
  # Left out: sinks.errors_es.batch.timeout_secs = 5: outputs read the buffer all the time
  # Left out: sinks.errors_es.buffer.type = disk: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.errors_es.buffer.max_size = 1073741824: the buffer is one for all outputs: see
  # buffer.max_size
  # Left out: sinks.errors_es.buffer.when_full = block: see buffer.when_full
  # Left out: sinks.errors_es.request.concurrency = adaptive: see window.lanes
  # Left out: sinks.errors_es.request.timeout_secs = 60: see timeout
  # Left out: sinks.errors_es.request.retry_attempts = 20: attempts never end
  # Left out: sinks.errors_es.request.rate_limit_num = 100: see filter "throttle"
  # Left out: sinks.errors_es.healthcheck.enabled = false: see penstock validate
}

output "kafka" "payments_kafka" {
  brokers = ["kafka-1:9093", "kafka-2:9093"]
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "vector"
    password  = "hunter2"
  }
  tls {
    ca_file = "/etc/ssl/kafka.pem"
  }
  linger          = "50ms"
  batch_max_bytes = "4MiB"
  # Left out: sinks.payments_kafka.message_timeout_ms = 300000: attempts never end: see retry and
  # delivery_timeout
  topic       = "payments-${field.env}"
  key         = "${field.order_id}"
  compression = "zstd"
  # LEFT OUT: sinks.payments_kafka.encoding.except_fields: filters are for all outputs, and work
  # before topics, paths and routes are made: have a pipeline of its own, with filter
  # "remove_fields"
  # Left out: sinks.payments_kafka.headers_key = kafka_headers: headers of records go along
  # Left out: sinks.payments_kafka.encoding.codec = json: records go out as they are
  # Left out: sinks.payments_kafka.encoding.timestamp_format = rfc3339: times in fields stay as
  # they are
}

output "s3" "lake" {
  bucket        = "acme-events"
  region        = "eu-central-1"
  storage_class = "STANDARD_IA"
  assume_role {
    arn = "arn:aws:iam::123456789012:role/vector"
  }
  encryption {
    type       = "aws:kms"
    kms_key_id = "alias/lake"
  }
  path = "events/region=${field.region}/date=${strftime("%Y-%m-%d")}/hour=${strftime("%H")}"
  # Changed: sinks.lake.filename_time_format = %s: an object's name tells which records are in it,
  # so that none is written twice
  # Changed: sinks.lake.filename_append_uuid = true: an object's name tells which records are in
  # it, so that none is written twice
  # Changed: sinks.lake.filename_extension = json.gz: an object's name tells which records are in
  # it, so that none is written twice
  compression = "gzip"
  format "ndjson" {}
  roll {
    age     = "10m"
    size    = "128MiB"
    records = 1000000
  }
}

output "http" "hook" {
  url    = "https://hooks.example.com/slow"
  format = "ndjson"
  token  = env("HOOK_TOKEN")
  headers = {
    "X-Source" = "vector"
  }
  compression = "none"
  # LEFT OUT: sinks.hook.payload_prefix = {"events":: penstock has nothing of this name here
  # Left out: sinks.hook.payload_suffix = }: penstock has nothing of this name here
}

pipeline "main" {
  from = [input.http.web, input.forward.fluent, input.udp.firewall]
  filter = [
    filter.parse.message,
    filter.drop.shape,
    filter.set.shape,
    filter.set.shape_2,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.set.shape_3,
    filter.set.shape_4,
    filter.set.shape_5,
    filter.set.shape_6,
    filter.set.shape_7,
    filter.add_fields.shape,
    filter.remove_fields.shape,
    filter.remove_fields.shape_2,
    filter.rename_fields.shape,
    filter.replace.shape,
    filter.set.shape_8,
    filter.time.shape,
    filter.set.shape_9,
    filter.set.shape_10,
    filter.parse.firewall_events,
    filter.set.firewall_events,
    filter.parse.firewall_events_2,
    filter.remove_fields.firewall_events,
    filter.set.firewall_events_2,
    filter.set.firewall_events_3,
    filter.remove_fields.firewall_events_2,
    filter.where.not_noise,
  ]
  # LEFT OUT: shape: .fingerprint = sha2(.service + .message, variant: "SHA-256"): the argument
  # variant of sha2 is not known; write filters for it
  # Changed: transforms.shape.drop_on_error: what fails passes as it is: see on_failure
  # Changed: transforms.shape: where Vector makes a field null, what is there stays
  # Changed: transforms.firewall_events: where a function with ! fails, Vector lets the event pass
  # as it came in; here the filters behind go on with it
  # LEFT OUT: transforms.tenth: some outputs get the events without it, and would lack what it
  # takes away: it is left out: have a pipeline of its own for its outputs
  # LEFT OUT: transforms.sessions: nothing is put together of several records, but lines by filter
  # "multiline"
  # Left out: transforms.counters: penstock takes logs; see filter "count" for metrics of them
  # LEFT OUT: sinks.failed.inputs shape.dropped: what a transform has dropped goes nowhere by
  # itself: see on_failure = "dead_letter" of filter parse, and dead_letter of outputs
  route {
    if = "tag[0] in ['web', 'fluent'] and (field.level == 'error' or field.status >= 500)"
    to = [output.elasticsearch.errors_es]
  }
  route {
    if = "tag[0] in ['web', 'fluent'] and (field.service startsWith 'pay') and (field.order_id != nil or 'order_id' in field)"
    to = [output.kafka.payments_kafka]
  }
  route {
    if = "tag[0] in ['web', 'fluent'] and not (field.level == 'error' or field.status >= 500) and not ((field.service startsWith 'pay') and (field.order_id != nil or 'order_id' in field)) and not (field.duration_ms > 1500.0 and not ((field.ok == false))) and field.region == 'eu'"
    to = [output.s3.lake]
  }
  route {
    if = "tag[0] in ['web', 'fluent'] and not (field.level == 'error' or field.status >= 500) and not ((field.service startsWith 'pay') and (field.order_id != nil or 'order_id' in field)) and not (field.duration_ms > 1500.0 and not ((field.ok == false))) and not (field.region == 'eu') and field.region == 'us'"
    to = [output.s3.lake]
  }
  route {
    if = "tag[0] in ['web', 'fluent'] and not (field.level == 'error' or field.status >= 500) and not ((field.service startsWith 'pay') and (field.order_id != nil or 'order_id' in field)) and not (field.duration_ms > 1500.0 and not ((field.ok == false))) and not (field.region == 'eu') and not (field.region == 'us')"
    to = [output.s3.lake]
  }
  route {
    if = "tag[0] in ['web', 'fluent'] and field.duration_ms > 1500.0 and not ((field.ok == false))"
    to = [output.http.hook]
  }
  # Changed: transforms.once: repeats are discarded for a time: see within
  # LEFT OUT: filter.dedupe.once: it is refused: remembers what came before, which output.s3.lake
  # cannot archive exactly once; put the filter before a topic, or before another output
  # Left out: transforms.by_kind.reroute_unmatched = true: what matches no route goes where
  # _unmatched goes
  # LEFT OUT: filter.throttle.fair: it is refused: remembers what came before, which output.s3.lake
  # cannot archive exactly once; put the filter before a topic, or before another output
}
