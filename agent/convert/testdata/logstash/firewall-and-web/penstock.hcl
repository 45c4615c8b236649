agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: kafka: a pipeline reads Kafka or a buffer: write input "kafka" with a pipeline of its
  # own
}

# Shows: one type by TCP and UDP; branches whose filters change what their conditions ask; a share
# that is dropped; filters that penstock has not.
input "tcp" "cisco-fw" {
  listen = "0.0.0.0:5514"
  tag    = "cisco-fw"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "cisco-fw" {
  if      = "tag == 'cisco-fw'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "cisco-fw" {
  if = "tag == 'cisco-fw'"
  fields = {
    type = "cisco-fw"
  }
}

filter "set" "cisco-fw_tags" {
  if = "tag == 'cisco-fw'"
  fields = {
    tags = "concat(field.tags ?? [], ['network'])"
  }
}

input "udp" "cisco-fw" {
  listen = "0.0.0.0:5514"
  tag    = "cisco-fw-udp"
  # Changed: udp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
  # Left out: udp.workers = 4: see window.lanes
}

filter "parse" "cisco-fw-udp" {
  if      = "tag == 'cisco-fw-udp'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "cisco-fw-udp" {
  if = "tag == 'cisco-fw-udp'"
  fields = {
    type = "cisco-fw"
  }
}

filter "set" "cisco-fw-udp_tags" {
  if = "tag == 'cisco-fw-udp'"
  fields = {
    tags = "concat(field.tags ?? [], ['network'])"
  }
}

input "tail" "nginx" {
  paths   = ["/var/log/nginx/*.access.log", "/var/log/nginx/access.log"]
  exclude = ["/**/*.gz"]
  tag     = "nginx"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  # Left out: file.sincedb_path = /var/lib/ls/sincedb: positions are kept below data_dir: see
  # penstock import-positions
}

filter "parse" "nginx" {
  if      = "tag == 'nginx'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "nginx" {
  if = "tag == 'nginx'"
  fields = {
    type = "nginx"
  }
}

filter "set" "branch_1" {
  if = "field.type == 'cisco-fw' and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "field.type == 'nginx' and not ('_grokparsefailure' in (field.tags ?? [])) and header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "set" "branch_1_3" {
  if = "header.branch_1 == nil"
  headers = {
    branch_1 = "'3'"
  }
}

filter "parse" "grok" {
  if     = "header.branch_1 == '1'"
  format = "grok"
  field  = "message"
  keep   = "message"
  patterns = [
    "%%{CISCOTIMESTAMP:ts} %%{DATA:fw}: %%{GREEDYDATA:cisco_message}",
    "%%{GREEDYDATA:cisco_message}",
  ]
  # Changed: grok: what cannot be parsed passes, with no tag that says so
  # LEFT OUT: grok.patterns_dir: write what of those files is used into definitions
}

filter "set" "mutate_tags" {
  if = "header.branch_1 == '1' and string(field.cisco_message ?? '') matches '(?i)denied'"
  fields = {
    tags = "concat(field.tags ?? [], ['denied'])"
  }
}

filter "time" "date" {
  if      = "header.branch_1 == '1'"
  field   = "ts"
  formats = ["%b %d %Y %H:%M:%S", "%b  %d %H:%M:%S"]
  zone    = "Europe/Berlin"
}

filter "parse" "grok_2" {
  if = "header.branch_1 == '2'"
  # Its fields have the names of the Elastic Common Schema.
  format     = "grok"
  field      = "message"
  pattern    = "%%{COMBINEDAPACHELOG}+%%{GREEDYDATA:extra}"
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
}

filter "set" "grok_failed" {
  if = "header.branch_1 == '2' and header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_grokparsefailure']))"
  }
  headers = {
    parse_error = "'_grokparsefailure'"
  }
}

filter "rename_fields" "grok" {
  if = "header.branch_1 == '2'"
  fields = {
    "source\\.address"                  = "source.address"
    "apache\\.access\\.user\\.identity" = "apache.access.user.identity"
    "user\\.name"                       = "user.name"
    "http\\.request\\.method"           = "http.request.method"
    "url\\.original"                    = "url.original"
    "http\\.version"                    = "http.version"
    "http\\.response\\.status_code"     = "http.response.status_code"
    "http\\.response\\.body\\.size"     = "http.response.body.bytes"
    "http\\.request\\.referrer"         = "http.request.referrer"
    "user_agent\\.original"             = "user_agent.original"
  }
}

filter "remove_fields" "grok" {
  if     = "header.branch_1 == '2' and not ('_grokparsefailure' in (field.tags ?? []))"
  fields = ["ident", "auth"]
}

filter "parse" "useragent" {
  if     = "header.branch_1 == '2'"
  format = "user_agent"
  field  = "agent"
  keep   = "agent"
  into   = "ua"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

filter "rename_fields" "mutate" {
  if = "header.branch_1 == '2'"
  fields = {
    clientip = "client.ip"
  }
}

filter "convert" "mutate" {
  if = "header.branch_1 == '2'"
  types = {
    bytes    = "int"
    response = "int"
  }
}

filter "replace" "mutate" {
  if      = "header.branch_1 == '2'"
  field   = "request"
  pattern = "\\?.*$"
  with    = ""
}

filter "replace" "mutate_2" {
  if      = "header.branch_1 == '2'"
  field   = "message"
  pattern = "\\t"
  with    = " "
}

filter "set" "mutate" {
  if = "header.branch_1 == '2'"
  fields = {
    verb = "lower(field.verb)"
  }
}

filter "split" "mutate" {
  if        = "header.branch_1 == '2'"
  field     = "extra"
  separator = ","
}

filter "set" "mutate_2" {
  if = "header.branch_1 == '2'"
  fields = {
    tagsx = "join(field.tagsx, ',')"
  }
}

filter "add_fields" "mutate" {
  if = "header.branch_1 == '2'"
  fields = {
    "@metadata.index" = "nginx"
    full              = "${field.verb} ${field.request}"
  }
}

filter "parse" "kv" {
  if             = "header.branch_1 == '2'"
  format         = "key_value"
  field          = "args"
  keep           = "args"
  pair_separator = "&"
  # Changed: kv: what cannot be parsed passes, with no tag that says so
}

filter "hash" "fingerprint" {
  if     = "header.branch_1 == '2'"
  fields = ["message", "host"]
  into   = "@metadata.id"
  # Changed: fingerprint.method = SHA1: the hash is another; see algorithm
}

filter "parse" "json" {
  if     = "header.branch_1 == '2'"
  format = "json"
  field  = "payload"
  keep   = "payload"
  into   = "p"
  # Changed: json: what cannot be parsed passes, with no tag that says so
}

filter "sample" "drop" {
  if   = "header.branch_1 == '2'"
  keep = 0.99
}

filter "parse" "json_2" {
  if     = "header.branch_1 == '3'"
  format = "json"
  field  = "message"
  keep   = "message"
  # Changed: json: what cannot be parsed passes, with no tag that says so
}

filter "drop" "drop" {
  if = "header.branch_1 == '3' and not (field.level != nil)"
}

filter "add_fields" "mutate_2" {
  if = "header.branch_1 == '3' and field.a != nil"
  fields = {
    a = "b"
  }
}

filter "add_fields" "mutate_3" {
  if = "header.branch_1 == '3'"
  fields = {
    type = "app"
  }
}

filter "set" "mutate_3" {
  if = "header.branch_1 == '3'"
  fields = {
    severity = "upper(field.severity)"
  }
}

filter "set" "mutate_4" {
  if = "header.branch_1 == '3'"
  fields = {
    severity = "field.level"
  }
}

filter "time" "date_2" {
  if      = "header.branch_1 == '3'"
  field   = "ts"
  formats = ["iso8601", "epoch_ms"]
  remove  = true
}

output "kafka" "kafka" {
  brokers     = ["k1:9092"]
  topic       = "denied-${field.type}"
  key         = "${field.src_ip}"
  compression = "lz4"
  # Left out: kafka.acks = all: a record counts as delivered when all in-sync replicas have it,
  # always
  # Left out: kafka.batch_size = 16384: see batch_max_bytes
  linger = "5ms"
  # Changed: kafka: @metadata is a field like others, and goes out with them
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es1:9200", "https://es2:9200"]
  index     = "${field["@metadata"].index}-${strftime("%Y.%m.%d")}"
  user      = "ls"
  password  = env("ESP")
  pipeline  = "geo"
  id_header = "document_id"
  # Changed: elasticsearch: @metadata is a field like others, and goes out with them
  # Left out: elasticsearch.ilm_enabled = false: life cycles are set up by others
  # Left out: elasticsearch.template_name = x: templates are set up by others
  # Left out: elasticsearch.manage_template = false: templates are set up by others
}

filter "set" "document_id" {
  headers = {
    document_id = "field['@metadata'].id"
  }
}

output "s3" "s3" {
  bucket        = "b"
  region        = "eu-west-1"
  storage_class = "STANDARD_IA"
  acl           = "private"
  encryption {
    type = "AES256"
  }
  path        = "logs/${field.type}/${strftime("%Y/%m/%d")}"
  compression = "gzip"
  format "ndjson" {}
  roll {
    size = "100MiB"
    age  = "15m"
  }
  # Changed: s3: @metadata is a field like others, and goes out with them
  # Left out: s3.temporary_directory = /tmp/x: the spool lies below data_dir
}

output "local" "file" {
  directory   = "/var/out"
  path        = "${field.type}/${strftime("%Y-%m-%d")}"
  compression = "gzip"
  format "ndjson" {}
  # Changed: file.path = /var/out/%{type}/%{+YYYY-MM-dd}.log: files appear whole, in directories by
  # that path, when they roll
  # Changed: file.codec.format = %{message}: records go out as JSON
  # Changed: file: @metadata is a field like others, and goes out with them
}

output "stdout" "stdout" {
  format = "ndjson"
  # Changed: stdout.codec = rubydebug: records go out as JSON
  # Changed: stdout: @metadata is a field like others, and goes out with them
}

pipeline "main" {
  from = [input.tcp.cisco-fw, input.udp.cisco-fw, input.tail.nginx]
  filter = [
    filter.parse.cisco-fw,
    filter.add_fields.cisco-fw,
    filter.set.cisco-fw_tags,
    filter.parse.cisco-fw-udp,
    filter.add_fields.cisco-fw-udp,
    filter.set.cisco-fw-udp_tags,
    filter.parse.nginx,
    filter.add_fields.nginx,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.set.branch_1_3,
    filter.parse.grok,
    filter.set.mutate_tags,
    filter.time.date,
    filter.parse.grok_2,
    filter.set.grok_failed,
    filter.rename_fields.grok,
    filter.remove_fields.grok,
    filter.parse.useragent,
    filter.rename_fields.mutate,
    filter.convert.mutate,
    filter.replace.mutate,
    filter.replace.mutate_2,
    filter.set.mutate,
    filter.split.mutate,
    filter.set.mutate_2,
    filter.add_fields.mutate,
    filter.parse.kv,
    filter.hash.fingerprint,
    filter.parse.json,
    filter.sample.drop,
    filter.parse.json_2,
    filter.drop.drop,
    filter.add_fields.mutate_2,
    filter.add_fields.mutate_3,
    filter.set.mutate_3,
    filter.set.mutate_4,
    filter.time.date_2,
    filter.set.document_id,
  ]
  # LEFT OUT: syslog_pri: there is no filter that does this; see penstock help
  # Left out: dns: see filter "lookup" for tables of your own; nothing is asked of others
  # Left out: mutate.capitalize: write filter "set" for it
  # LEFT OUT: clone: there is no filter that does this; see penstock help
  # LEFT OUT: ruby: write filter "set" with expressions, or "wasm"
  # LEFT OUT: prune: write filter "keep_fields" or "remove_fields"
  # Left out: urldecode: there is no filter that does this; see penstock help
  # LEFT OUT: kv.prefix = arg_: penstock has nothing of this name here
  # Left out: kv.include_keys = a: penstock has nothing of this name here
  # Left out: metrics: see filter "count": counters and histograms on /metrics
  # LEFT OUT: throttle: write filter "throttle", with limit, per and key
  # LEFT OUT: aggregate: nothing is put together of several records, but lines by filter "multiline"
  # Left out: elapsed: there is no filter that does this; see penstock help
  # Left out: fingerprint.concatenate_sources = true: penstock has nothing of this name here
  # Left out: fingerprint.key = k: penstock has nothing of this name here
  # Left out: cidr: there is no filter that does this; see penstock help
  # LEFT OUT: de_dot: there is no filter that does this; see penstock help
  # Left out: json.skip_on_invalid_json = true: what cannot be parsed passes: see on_failure
  # LEFT OUT: xml: there is no filter that does this; see penstock help
  # Left out: mutate.coerce: write filter "set" for it
  # LEFT OUT: translate: write filter "lookup", with a table
  # LEFT OUT: email: there is no such output; see penstock help for those there are
  # LEFT OUT: tcp: there is no such output; see penstock help for those there are
  route {
    if = "'denied' in (field.tags ?? [])"
    to = [output.kafka.kafka]
  }
  route {
    if = "field.type == 'nginx'"
    to = [output.elasticsearch.elasticsearch]
  }
  route {
    if = "not (field.type == 'nginx')"
    to = [output.s3.s3, output.local.file, output.stdout.stdout]
  }
}
