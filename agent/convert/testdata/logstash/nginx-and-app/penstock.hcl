agent {
  data_dir = "/var/lib/penstock"
}

# Shows: Beats with TLS, lines by type and tags, metadata that names an index, authorities as a
# list, filters that are called otherwise.
input "http" "beats" {
  listen = "0.0.0.0:5044"
  tls {
    cert_file = "/c.pem"
    key_file  = "/k.pem"
  }
  # LEFT OUT: beats: penstock does not speak the Beats protocol: let penstock read the files there,
  # or have them sent by HTTP
  tag = "beats"
}

input "tail" "nginx" {
  paths   = ["/var/log/nginx/access.log"]
  exclude = ["/**/*.gz"]
  tag     = "nginx"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "nginx" {
  if      = "tag == 'nginx'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "nginx" {
  if = "tag == 'nginx'"
  fields = {
    type = "nginx"
  }
}

filter "set" "nginx_tags" {
  if = "tag == 'nginx'"
  fields = {
    tags = "concat(field.tags ?? [], ['web'])"
  }
}

input "tcp" "app" {
  listen = "0.0.0.0:5000"
  tag    = "app"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "app" {
  if      = "tag == 'app'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "app" {
  if = "tag == 'app'"
  fields = {
    type = "app"
  }
}

filter "set" "branch_1" {
  if = "field.type == 'nginx' and 'web' in (field.tags ?? []) and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "string(field.type ?? '') matches '^app' and header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "parse" "grok" {
  if = "header.branch_1 == '1'"
  # Its fields have the names of the Elastic Common Schema.
  format     = "grok"
  field      = "message"
  patterns   = ["%%{COMBINEDAPACHELOG}", "%%{IPORHOST:ip} %%{GREEDYDATA:rest}"]
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
  # LEFT OUT: grok.patterns_dir: write what of those files is used into definitions
}

filter "set" "grok_failed" {
  if = "header.branch_1 == '1' and header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_bad']))"
  }
  headers = {
    parse_error = "'_bad'"
  }
}

filter "rename_fields" "grok" {
  if = "header.branch_1 == '1'"
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

filter "time" "date" {
  if      = "header.branch_1 == '1'"
  field   = "timestamp"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
  remove  = true
}

filter "parse" "useragent" {
  if     = "header.branch_1 == '1'"
  format = "user_agent"
  field  = "agent"
  keep   = "agent"
  into   = "ua"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

filter "rename_fields" "mutate" {
  if = "header.branch_1 == '1'"
  fields = {
    clientip = "client.ip"
  }
}

filter "convert" "mutate" {
  if = "header.branch_1 == '1'"
  types = {
    bytes    = "int"
    response = "int"
  }
}

filter "replace" "mutate" {
  if      = "header.branch_1 == '1'"
  field   = "request"
  pattern = "\\?.*$"
  with    = ""
}

filter "set" "mutate" {
  if = "header.branch_1 == '1'"
  fields = {
    verb = "lower(field.verb)"
  }
}

filter "parse" "json" {
  if     = "header.branch_1 == '2'"
  format = "json"
  field  = "message"
  keep   = "message"
  into   = "app"
  # Changed: json: what cannot be parsed passes, with no tag that says so
}

filter "parse" "kv" {
  if              = "header.branch_1 == '2'"
  format          = "key_value"
  field           = "app.kv"
  keep            = "app.kv"
  pair_separator  = "&"
  value_separator = "="
  # Changed: kv: what cannot be parsed passes, with no tag that says so
}

filter "drop" "drop" {
  if = "header.branch_1 == '2' and field.app.level in ['DEBUG', 'TRACE']"
}

filter "add_fields" "mutate" {
  if = "'_bad' in (field.tags ?? [])"
  fields = {
    "@metadata.idx" = "bad"
  }
}

filter "add_fields" "mutate_2" {
  if = "not ('_bad' in (field.tags ?? []))"
  fields = {
    "@metadata.idx" = "good"
  }
}

output "local" "file" {
  directory   = "/var/log/bad"
  path        = "${strftime("%Y-%m-%d")}"
  compression = "none"
  format "ndjson" {}
  # Changed: file.path = /var/log/bad/%{+YYYY-MM-dd}.log: files appear whole, in directories by
  # that path, when they roll
  # Changed: file.codec.format = %{message}: records go out as JSON
  # Changed: file: @metadata is a field like others, and goes out with them
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es:9200"]
  index     = "${field["@metadata"].idx}-${field.type}-${strftime("%Y.%m.%d")}"
  operation = "index"
  user      = env("ES_USER", "elastic")
  password  = env("ES_PW")
  id_header = "document_id"
  tls {
    ca_file = "/ca.pem"
  }
  # Changed: elasticsearch: @metadata is a field like others, and goes out with them
  # Left out: elasticsearch.ilm_enabled = false: life cycles are set up by others
  # Left out: elasticsearch.template_overwrite = true: templates are set up by others
  # Left out: elasticsearch.retry_on_conflict = 3: penstock has nothing of this name here
}

filter "set" "document_id" {
  headers = {
    document_id = "field.app.id"
  }
}

output "kafka" "kafka" {
  brokers     = ["k:9092"]
  topic       = "logs"
  compression = "lz4"
  tls {}
  sasl {
    mechanism = "PLAIN"
    username  = "u"
    password  = "p"
  }
  # Left out: kafka.acks = all: a record counts as delivered when all in-sync replicas have it,
  # always
  # Left out: kafka.batch_size = 32768: see batch_max_bytes
  linger          = "5ms"
  batch_max_bytes = "2MiB"
  # Changed: kafka: @metadata is a field like others, and goes out with them
}

pipeline "main" {
  from = [input.http.beats, input.tail.nginx, input.tcp.app]
  filter = [
    filter.parse.nginx,
    filter.add_fields.nginx,
    filter.set.nginx_tags,
    filter.parse.app,
    filter.add_fields.app,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.parse.grok,
    filter.set.grok_failed,
    filter.rename_fields.grok,
    filter.time.date,
    filter.parse.useragent,
    filter.rename_fields.mutate,
    filter.convert.mutate,
    filter.replace.mutate,
    filter.set.mutate,
    filter.parse.json,
    filter.parse.kv,
    filter.drop.drop,
    filter.add_fields.mutate,
    filter.add_fields.mutate_2,
    filter.set.document_id,
  ]
  to = [output.elasticsearch.elasticsearch, output.kafka.kafka]
  # Left out: geoip: write filter "lookup" with a database of MaxMind's, *.mmdb, as its table
  # Left out: json.skip_on_invalid_json = true: what cannot be parsed passes: see on_failure
  # LEFT OUT: kv.prefix = q_: penstock has nothing of this name here
  # Left out: kv.include_keys = a: penstock has nothing of this name here
  # Left out: kv.include_keys = b: penstock has nothing of this name here
  # LEFT OUT: translate: write filter "lookup", with a table
  # LEFT OUT: prune: write filter "keep_fields" or "remove_fields"
  # LEFT OUT: aggregate: nothing is put together of several records, but lines by filter "multiline"
  # LEFT OUT: throttle: write filter "throttle", with limit, per and key
  # LEFT OUT: truncate: write filter "truncate", with fields and size
  route {
    if = "field['@metadata'].idx == 'bad'"
    to = [output.local.file]
  }
}
