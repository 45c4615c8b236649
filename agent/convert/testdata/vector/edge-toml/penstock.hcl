agent {
  data_dir = "/var/lib/penstock"
  # Shows: an edge in TOML: files with multiline and a checksum, the journal, Docker, exec, pods;
  # long programs with if, merges and parsers; buffers, several S3 sinks, acks of each sink
  # Left out: data_dir = /var/lib/vector: see agent.data_dir
  # Left out: acknowledgements.enabled = true: what is read counts when it is on disk, always
  # Left out: schema.log_namespace = false: fields are called as they come
  # Left out: expire_metrics_secs = 300: see /metrics
  # Left out: enrichment_tables.hosts.type = file: penstock has nothing of this name here
  # Left out: enrichment_tables.hosts.file.path = /etc/vector/hosts.csv: see filter "lookup", whose
  # table may be this file
  # Left out: enrichment_tables.hosts.file.encoding.type = csv: see filter "lookup", whose table
  # may be this file
  # Left out: enrichment_tables.hosts.schema.owner = string: see filter "lookup", whose table may
  # be this file
}

input "tail" "app" {
  paths         = ["/srv/app/log/*.log", "/srv/app/log/**/*.out"]
  exclude       = ["/srv/app/log/debug*.log"]
  ignore_older  = "1d"
  max_line_size = "256KiB"
  long_lines    = "skip"
  path_header   = "path"
  # Changed: sources.app.file_key = path: the path is a header
  multiline {
    start   = "^\\d{4}-\\d{2}-\\d{2}"
    timeout = "2s"
  }
  tag = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # Left out: sources.app.glob_minimum_cooldown_ms = 5000: see rescan_interval
  # Left out: sources.app.max_read_bytes = 65536: files are read side by side
  # Left out: sources.app.oldest_first = true: each source keeps its own order
  # Left out: sources.app.host_key = host: write filter "add_fields" with ${agent}
  # Left out: sources.app.offset_key = offset: see offset_header
  # Left out: sources.app.fingerprint.strategy = checksum: files are told by device, inode and what
  # they begin with
  # Left out: sources.app.fingerprint.lines = 1: files are told by device, inode and what they
  # begin with
  # Left out: sources.app.fingerprint.ignored_header_bytes = 0: files are told by device, inode and
  # what they begin with
}

input "journald" "journal" {
  units = ["nginx", "sshd.service"]
  from  = "beginning"
  tag   = "journal"
  # Changed: sources.journal: what Vector adds (timestamp, source_type, host, file ...) is no
  # field: write filter "add_fields"
  # Left out: sources.journal.exclude_matches._TRANSPORT = kernel: penstock has nothing of this
  # name here
  # Left out: sources.journal.batch_size = 32: batches are as large as they come
}

input "tail" "docker" {
  paths     = ["/var/lib/docker/containers/*/*-json.log"]
  container = true
  # LEFT OUT: sources.docker.exclude_containers: the files of all containers are read, and nothing
  # but their ids is known of them
  # LEFT OUT: sources.docker.include_labels: the files of all containers are read, and nothing but
  # their ids is known of them
  # Left out: sources.docker.auto_partial_merge = true: files are read, and Docker is not asked:
  # parts of lines are put together
  tag = "docker"
  # Changed: sources.docker: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "exec" "disk" {
  command  = ["/usr/local/bin/disk-report", "--json"]
  interval = "1m"
  tag      = "disk"
  # Changed: sources.disk: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # Left out: sources.disk.include_stderr = false: what a command says on its standard error is in
  # the log
}

input "tail" "nginx" {
  paths = ["/var/log/nginx/access.log"]
  tag   = "nginx"
  # Changed: sources.nginx: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  path_header = "file"
}

filter "parse" "json" {
  if     = "tag == 'disk'"
  format = "json"
}

filter "rename_fields" "journald" {
  if = "tag == 'journal'"
  fields = {
    MESSAGE = "message"
  }
}

filter "parse" "message" {
  if      = "tag in ['app', 'docker', 'nginx']"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "add_fields" "app_path" {
  if = "tag == 'app'"
  fields = {
    path = header.path
  }
}

filter "add_fields" "app_host" {
  if = "tag == 'app'"
  fields = {
    host = "${agent}"
  }
}

filter "add_fields" "nginx_file" {
  if = "tag == 'nginx'"
  fields = {
    file = header.file
  }
}

filter "add_fields" "nginx_host" {
  if = "tag == 'nginx'"
  fields = {
    host = "${agent}"
  }
}

filter "parse" "app_fields" {
  if         = "tag == 'app'"
  format     = "regex"
  field      = "message"
  pattern    = "^(?P<at>\\S+ \\S+) \\[(?P<thread>[^\\]]+)\\] (?P<level>\\w+)\\s+(?P<logger>\\S+) - (?s)(?P<text>.*)$"
  keep       = "message"
  on_failure = "mark"
}

filter "time" "app_fields" {
  if      = "tag == 'app' and header.parse_error == nil"
  field   = "at"
  formats = ["%Y-%m-%d %H:%M:%S,%f"]
  # Changed: app_fields: .timestamp = parse_timestamp!(.at, "%Y-%m-%d %H:%M:%S,%3f"): it is the
  # record's time, and no field: filter "set" { fields = { timestamp = "time" } } makes one
  # Changed: app_fields: a time that names no zone is UTC here, and local there: write zone
}

filter "remove_fields" "app_fields" {
  if     = "tag == 'app' and header.parse_error == nil"
  fields = ["at"]
}

filter "set" "app_fields" {
  if = "tag == 'app' and header.parse_error != nil"
  fields = {
    parse_error = "header.parse_error"
  }
}

filter "set" "app_fields_2" {
  if = "tag == 'app' and header.parse_error != nil"
  fields = {
    level = "'UNKNOWN'"
  }
}

filter "set" "app_fields_3" {
  if = "tag == 'app'"
  fields = {
    app = "(get(split(field.path, '/'), 2)) ?? 'none'"
  }
}

filter "set" "app_fields_4" {
  if = "tag == 'app'"
  fields = {
    severity = "(field.level == 'ERROR' ? 3 : (field.level == 'WARN' ? 4 : 6))"
  }
}

filter "set" "app_fields_5" {
  if = "tag == 'app' and (lower(field.text) contains lower('OutOfMemory'))"
  fields = {
    alert = "true"
  }
}

filter "set" "app_fields_6" {
  if = "tag == 'app'"
  fields = {
    length = "len(field.text)"
  }
}

filter "truncate" "app_fields" {
  if     = "tag == 'app'"
  fields = ["text"]
  size   = "1000B"
  suffix = "..."
  # Changed: app_fields: .text = truncate(string!(.text), limit: 1000, ellipsis: true): it counts
  # bytes, not characters
}

filter "parse" "nginx_parsed" {
  if     = "tag == 'nginx'"
  format = "nginx"
  field  = "message"
  time   = true
  # Changed: nginx_parsed: . = parse_nginx_log!(.message, "combined"): timestamp is text as in the
  # line, and what is - there is no field
}

filter "rename_fields" "nginx_parsed" {
  if = "tag == 'nginx'"
  fields = {
    time        = "timestamp"
    remote_addr = "client"
    bytes       = "size"
    user_agent  = "agent"
  }
}

filter "set" "nginx_parsed" {
  if = "tag == 'nginx'"
  fields = {
    request = "field.method + ' ' + field.path + ' ' + field.protocol"
  }
}

filter "set" "nginx_parsed_2" {
  if = "tag == 'nginx'"
  fields = {
    status_class = "string(floor(field.status / 100) ?? '') + 'xx'"
  }
}

filter "parse" "nginx_parsed_2" {
  if     = "tag == 'nginx'"
  format = "user_agent"
  field  = "agent"
  into   = "ua"
  keep   = "agent"
  # Changed: nginx_parsed: .ua = parse_user_agent!(.agent): fields are called as penstock calls
  # them: see penstock help filter.parse
}

filter "set" "units" {
  if = "tag == 'journal'"
  fields = {
    unit = "field._SYSTEMD_UNIT"
  }
}

filter "set" "units_2" {
  if = "tag == 'journal'"
  fields = {
    pid = "int(field._PID ?? 0)"
  }
}

filter "keep_fields" "units" {
  if     = "tag == 'journal'"
  fields = ["unit", "pid", "message", "host", "timestamp"]
}

output "kafka" "kafka_app" {
  brokers   = ["kafka-1:9092", "kafka-2:9092"]
  client_id = "edge"
  # Left out: sinks.kafka_app.librdkafka_options.request.required.acks = all: a record counts as
  # delivered when all in-sync replicas have it, always
  # Left out: sinks.kafka_app.librdkafka_options.batch.num.messages = 10000: see batch_max_bytes
  topic       = "edge-logs"
  compression = "lz4"
  # LEFT OUT: sinks.kafka_app.encoding.only_fields: filters are for all outputs, and work before
  # topics, paths and routes are made: have a pipeline of its own, with filter "keep_fields"
  # Left out: sinks.kafka_app.acknowledgements.enabled = true: what is read counts when it is on
  # disk, always
  # Left out: sinks.kafka_app.encoding.codec = json: records go out as they are
  # Left out: sinks.kafka_app.buffer.type = disk: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.kafka_app.buffer.max_size = 2147483648: the buffer is one for all outputs: see
  # buffer.max_size
  # Left out: sinks.kafka_app.buffer.when_full = drop_newest: see buffer.when_full
}

output "http" "errors_http" {
  url         = "https://alerts.example.com/v1/${env("SITE", "fra")}"
  format      = "json"
  compression = "gzip"
  tls {
    insecure_skip_verify = true
  }
  # Left out: sinks.errors_http.batch.max_events = 100: see window
  # Left out: sinks.errors_http.batch.timeout_secs = 1: outputs read the buffer all the time
  # Left out: sinks.errors_http.request.retry_max_duration_secs = 30: see retry.max
}

output "s3" "api_s3" {
  bucket      = env("BUCKET")
  region      = "us-east-1"
  endpoint    = "http://minio:9000"
  path_style  = true
  path        = "nginx/${field.status_class}/${strftime("%Y/%m/%d")}"
  compression = "zstd"
  format "raw" {}
  roll {
    age = "5m"
  }
  # LEFT OUT: sinks.api_s3.encoding.codec = text: records are objects and go out whole, not their
  # message alone: have a pipeline of its own, without what makes objects of lines
  # Left out: sinks.api_s3.force_path_style = true: see path_style
  # Left out: sinks.api_s3.buffer.type = memory: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.api_s3.buffer.max_events = 10000: the buffer is on disk: see buffer.max_size
}

output "local" "rest_file" {
  directory = "/var/log/archive"
  path      = "${expr("field.host ?? agent")}/${strftime("%Y-%m-%d")}"
  # Changed: sinks.rest_file.path = /var/log/archive/{{ host }}/%Y-%m-%d.log.gz: files appear
  # whole, in directories by that path, when they roll
  format "ndjson" {}
  compression = "gzip"
  # Left out: sinks.rest_file.idle_timeout_secs = 60: see roll.idle
}

output "stdout" "debug" {
  format = "ndjson"
  # Changed: sinks.debug.target = stderr: records go to standard output
}

pipeline "main" {
  from = [
    input.tail.app,
    input.journald.journal,
    input.tail.docker,
    input.exec.disk,
    input.tail.nginx,
  ]
  # 2026-01-31 10:00:00,123 [main] INFO  c.e.Shop - text
  filter = [
    filter.parse.json,
    filter.rename_fields.journald,
    filter.parse.message,
    filter.add_fields.app_path,
    filter.add_fields.app_host,
    filter.add_fields.nginx_file,
    filter.add_fields.nginx_host,
    filter.parse.app_fields,
    filter.time.app_fields,
    filter.remove_fields.app_fields,
    filter.set.app_fields,
    filter.set.app_fields_2,
    filter.set.app_fields_3,
    filter.set.app_fields_4,
    filter.set.app_fields_5,
    filter.set.app_fields_6,
    filter.truncate.app_fields,
    filter.parse.nginx_parsed,
    filter.rename_fields.nginx_parsed,
    filter.set.nginx_parsed,
    filter.set.nginx_parsed_2,
    filter.parse.nginx_parsed_2,
    filter.set.units,
    filter.set.units_2,
    filter.keep_fields.units,
  ]
  # LEFT OUT: transforms.app_parsed: all outputs get the events as it makes them: some got them
  # without it
  # LEFT OUT: transforms.app_parsed.file = /etc/vector/app.vrl: the program is not here: convert it
  # where it is, or write filters for it
  # LEFT OUT: transforms.app_fields: all outputs get the events as it makes them: some got them
  # without it
  # Changed: transforms.app_fields: where a function with ! fails, Vector lets the event pass as it
  # came in; here the filters behind go on with it
  # LEFT OUT: nginx_parsed: .geo = get_enrichment_table_record("geoip", { "ip": .client }) ?? {}:
  # "{" is not known here; write filters for it
  # LEFT OUT: nginx_parsed: .url = parse_url("http://localhost" + string!(.request)) ?? {}:
  # penstock has no function like parse_url; write filters for it
  # LEFT OUT: nginx_parsed: . = compact(.): penstock has no function like compact; write filters
  # for it
  # Changed: transforms.nginx_parsed: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
  # Changed: transforms.units: where Vector makes a field null, what is there stays
  route {
    if = "tag in ['app', 'journal', 'disk']"
    to = [output.kafka.kafka_app]
  }
  route {
    if = "tag == 'app' and (field.level in ['ERROR', 'FATAL']) and not ((field.parse_error != nil or 'parse_error' in field))"
    to = [output.http.errors_http]
  }
  route {
    if = "tag == 'nginx' and (field.request startsWith '/api/') ?? false"
    to = [output.s3.api_s3]
  }
  route {
    if = "tag == 'nginx' and field.status >= 500"
    to = [output.s3.api_s3]
  }
  route {
    if = "tag == 'nginx' and true"
    to = [output.local.rest_file]
  }
  route {
    if = "tag == 'docker'"
    to = [output.local.rest_file]
  }
  route {
    if = "tag == 'app'"
    to = [output.stdout.debug]
  }
}
