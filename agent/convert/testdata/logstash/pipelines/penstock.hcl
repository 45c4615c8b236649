agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a central pipeline: Kafka's topics, files and syslog, long branches with grok, dissect,
# date, mutate, ruby, translate, geoip, kv, clone and prune, outputs by metadata, dates in paths
input "tail" "shop" {
  paths   = ["/var/log/shop/*.log", "/var/log/shop/archive/*.log.1"]
  exclude = ["/**/*.gz"]
  # Left out: file.file_completed_action = log: a file that is followed has no end
  multiline {
    start     = "^(?:\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:?\\d{2}(?::?\\d{2}(?:[:.,]\\d+)?)?(?:Z|[+-]\\d{2}:?\\d{2})?) "
    max_lines = 500
    timeout   = "2s"
  }
  tag = "shop"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  path_header = "path"
  encoding    = "latin-1"
  # Left out: file.id = shop-files: components have names of their own
  # Left out: file.sincedb_path = /var/lib/logstash/sincedb-shop: positions are kept below
  # data_dir: see penstock import-positions
}

filter "parse" "shop" {
  if      = "tag == 'shop'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "shop" {
  if = "tag == 'shop'"
  fields = {
    type = "shop"
  }
}

filter "add_fields" "shop_path" {
  if = "tag == 'shop'"
  fields = {
    path = header.path
  }
  overwrite = false
}

filter "add_fields" "shop_2" {
  if = "tag == 'shop'"
  fields = {
    env                = env("ENVIRONMENT", "dev")
    "@metadata.target" = "shop"
  }
}

filter "set" "shop_tags" {
  if = "tag == 'shop'"
  fields = {
    tags = "concat(field.tags ?? [], ['files', 'shop'])"
  }
}

input "syslog" "network" {
  listen = ["udp://10.0.0.5:5514", "tcp://10.0.0.5:5514"]
  # Changed: syslog: fields have Logstash's names without ECS: program, pid, logsource and so on
  timezone = "Europe/Berlin"
  tag      = "network"
  # Left out: syslog.facility_labels = kernel: penstock has nothing of this name here
  # Left out: syslog.facility_labels = user-level: penstock has nothing of this name here
}

filter "add_fields" "network" {
  if = "tag == 'network'"
  fields = {
    type = "network"
  }
}

filter "rename_fields" "network" {
  if = "tag == 'network'"
  fields = {
    app_name = "program"
    proc_id  = "pid"
    hostname = "logsource"
    severity = "severity_label"
    facility = "facility_label"
  }
}

input "tcp" "app" {
  listen = "0.0.0.0:5000"
  tls {
    cert_file           = "/etc/logstash/server.crt"
    key_file            = "/etc/logstash/server.key"
    client_ca_file      = "/etc/logstash/ca.crt"
    require_client_cert = true
  }
  tag = "app"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
  # Left out: tcp.dns_reverse_lookup_enabled = false: penstock has nothing of this name here
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

input "http" "hook" {
  listen = "0.0.0.0:8080"
  auth {
    user "ingest" {
      password = "hunter2"
    }
  }
  tag = "hook"
  # Left out: http.response_headers.X-Served-By = logstash: penstock has nothing of this name here
  # Left out: http.additional_codecs.application/json = json: penstock has nothing of this name here
}

filter "add_fields" "hook" {
  if = "tag == 'hook'"
  fields = {
    type = "hook"
  }
}

filter "parse" "grok" {
  if     = "field.type == 'shop'"
  format = "grok"
  field  = "message"
  patterns = [
    "^%%{TIMESTAMP_ISO8601:at} %%{LOGLEVEL:level} \\[%%{DATA:thread}\\] %%{JAVACLASS:logger} - (?P<text>(.|\\r|\\n)*)",
    "^%%{TIMESTAMP_ISO8601:at} %%{GREEDYDATA:text}",
  ]
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
  definitions = {
    ORDER = "ord-[0-9]{6}"
  }
  # LEFT OUT: grok.patterns_dir: write what of those files is used into definitions
}

filter "set" "grok_failed" {
  if = "field.type == 'shop' and header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_shop_unparsed']))"
  }
  headers = {
    parse_error = "'_shop_unparsed'"
  }
}

filter "time" "date" {
  if      = "field.type == 'shop'"
  field   = "at"
  formats = ["iso8601", "%Y-%m-%d %H:%M:%S,%L"]
  zone    = "Europe/Berlin"
  remove  = true
}

filter "set" "branch_1" {
  if = "field.type == 'shop' and ('_shop_unparsed' in (field.tags ?? []) or field.level in ['TRACE', 'DEBUG']) and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "field.type == 'shop' and string(field.text ?? '') matches '(?i)out of memory' and field.level != 'WARN' and header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "set" "branch_1_3" {
  if = "field.type == 'shop' and header.branch_1 == nil"
  headers = {
    branch_1 = "'3'"
  }
}

filter "sample" "drop" {
  if   = "header.branch_1 == '1'"
  keep = 0.1
}

filter "add_fields" "mutate" {
  if = "header.branch_1 == '2'"
  fields = {
    severity = "1"
  }
}

filter "set" "mutate_tags" {
  if = "header.branch_1 == '2'"
  fields = {
    tags = "concat(field.tags ?? [], ['alert'])"
  }
}

filter "replace" "mutate" {
  if      = "header.branch_1 == '3'"
  field   = "text"
  pattern = "password=\\S+"
  with    = "password=***"
}

filter "replace" "mutate_2" {
  if      = "header.branch_1 == '3'"
  field   = "message"
  pattern = "[\\\\?#-]"
  with    = "."
}

filter "set" "mutate" {
  if = "header.branch_1 == '3'"
  fields = {
    level = "lower(field.level)"
  }
}

filter "set" "mutate_2" {
  if = "header.branch_1 == '3'"
  fields = {
    text = "trim(field.text)"
  }
}

filter "set" "branch_2" {
  if = "field.type == 'shop' and string(field.text ?? '') matches 'ord-' and header.branch_2 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_2 = "'1'"
  }
}

filter "parse" "grok_2" {
  if      = "header.branch_2 == '1'"
  format  = "grok"
  field   = "text"
  keep    = "text"
  pattern = "%%{ORDER:order_id}(?: total=%%{NUMBER:order_total:float})?"
  # Changed: grok: what cannot be parsed passes, with no tag that says so
  definitions = {
    ORDER = "ord-[0-9]{6}"
  }
}

filter "rename_fields" "grok" {
  if = "header.branch_2 == '1'"
  fields = {
    order_id    = "order.id"
    order_total = "order.total"
  }
}

filter "parse" "dissect" {
  if      = "field.type == 'network' and field.program == 'haproxy'"
  format  = "regex"
  field   = "message"
  keep    = "message"
  pattern = "(?s)^(?P<client>.*?):(?P<port>.*?) \\[(?P<at>.*?)\\] (?P<frontend>.*?) (?P<backend>.*?)/(?P<server>.*?) (?P<timers>.*?) (?P<status>.*?) (?P<bytes>.*?) (?P<rest>.*)$"
  # Changed: dissect: what cannot be parsed passes, with no tag that says so
}

filter "convert" "mutate" {
  if = "field.type == 'network' and field.program == 'haproxy'"
  types = {
    status = "int"
    bytes  = "int"
  }
}

filter "lookup" "geoip" {
  if    = "field.type == 'network' and field.program == 'haproxy'"
  table = env("GEOIP_DB")
  key   = "field.client"
  into  = "client_geo"
  # Changed: geoip: fields are called as the database calls them, such as country.iso_code
}

filter "parse" "useragent" {
  if     = "field.type == 'network' and field.program == 'haproxy'"
  format = "user_agent"
  field  = "agent"
  keep   = "agent"
  into   = "ua"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

filter "parse" "kv" {
  if              = "field.type == 'network' and not (field.program == 'haproxy') and field.program in ['sshd', 'sudo']"
  format          = "key_value"
  field           = "message"
  keep            = "message"
  pair_separator  = " "
  value_separator = "="
  # Changed: kv: what cannot be parsed passes, with no tag that says so
}

filter "hash" "fingerprint" {
  if     = "field.type == 'network'"
  fields = ["message", "host"]
  into   = "@metadata.id"
  # Changed: fingerprint.method = SHA256: the hash is another; see algorithm
}

filter "parse" "json" {
  if     = "field.type == 'app' or field.type == 'hook'"
  format = "json"
  field  = "payload"
  into   = "p"
  # Changed: json: what cannot be parsed passes, with no tag that says so
}

filter "rename_fields" "mutate" {
  if = "field.type == 'app' or field.type == 'hook'"
  fields = {
    "p.user.name" = "user"
    hostname      = "host"
  }
}

filter "add_fields" "mutate_2" {
  if = "(field.type == 'app' or field.type == 'hook') and field.level != nil"
  fields = {
    level = "${field.severity}"
  }
}

filter "add_fields" "mutate_3" {
  if = "field.type == 'app' or field.type == 'hook'"
  fields = {
    source = "${field.type}-${field.env}"
  }
}

filter "convert" "mutate_2" {
  if = "field.type == 'app' or field.type == 'hook'"
  types = {
    took = "int"
    ok   = "bool"
  }
}

filter "set" "mutate_3" {
  if = "field.type == 'app' or field.type == 'hook'"
  fields = {
    method = "upper(field.method)"
  }
}

filter "split" "mutate" {
  if        = "field.type == 'app' or field.type == 'hook'"
  field     = "path"
  separator = "/"
}

filter "set" "mutate_4" {
  if = "field.type == 'app' or field.type == 'hook'"
  fields = {
    roles = "join(field.roles, ',')"
  }
}

filter "set" "mutate_5" {
  if = "field.type == 'app' or field.type == 'hook'"
  fields = {
    login = "field.user"
  }
}

filter "remove_fields" "mutate" {
  if     = "field.type == 'app' or field.type == 'hook'"
  fields = ["p", "headers", "@version"]
}

filter "set" "branch_3" {
  if = "not (field.env != nil) and header.branch_3 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_3 = "'1'"
  }
}

filter "add_fields" "mutate_4" {
  if = "header.branch_3 == '1'"
  fields = {
    env = "none"
  }
}

filter "drop" "drop" {
  if = "field['@metadata'].debug != nil"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es-1:9200", "https://es-2:9200"]
  index     = "${field["@metadata"].target}-${strftime("%Y.%m.%d")}"
  user      = "logstash"
  password  = env("ES_PASSWORD")
  id_header = "document_id"
  tls {
    ca_file = "/etc/logstash/es-ca.crt"
  }
  # Changed: elasticsearch: @metadata is a field like others, and goes out with them
  # Left out: elasticsearch.manage_template = false: templates are set up by others
  # Left out: elasticsearch.ilm_enabled = false: life cycles are set up by others
  # Left out: elasticsearch.retry_on_conflict = 3: penstock has nothing of this name here
  # Left out: elasticsearch.pool_max = 50: penstock has nothing of this name here
}

filter "set" "document_id" {
  headers = {
    document_id = "field['@metadata'].id"
  }
}

output "http" "http" {
  url = "http://CHANGE-ME/"
  # LEFT OUT: http.url = https://alerts.example.com/%{type}: there is one url for all records of an
  # output: write a route with an output for each
  method = "POST"
  format = "ndjson"
  # Changed: http: a request holds a batch of lines of JSON, not one event
  headers = {
    "X-Token" = env("TOKEN")
  }
  compression = "none"
  # Changed: http: @metadata is a field like others, and goes out with them
  # Left out: http.mapping.text = %{message}: penstock has nothing of this name here
}

output "kafka" "kafka" {
  brokers     = ["kafka-1:9092", "kafka-2:9092"]
  topic       = "net-${field.program}"
  key         = "${agent}"
  compression = "zstd"
  tls {
    # LEFT OUT: kafka.ssl_truststore_location = /etc/logstash/kafka.jks: a Java keystore: write
    # ca_file, or cert_file and key_file, as PEM
  }
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "logstash"
    password  = "hunter2"
  }
  # Left out: kafka.acks = all: a record counts as delivered when all in-sync replicas have it,
  # always
  linger = "20ms"
  # Left out: kafka.batch_size = 32768: see batch_max_bytes
  # Left out: kafka.retries = 5: attempts never end: see retry and delivery_timeout
  # Left out: kafka.ssl_truststore_password ...: PEM files have none
  # Changed: kafka: @metadata is a field like others, and goes out with them
}

output "local" "file" {
  directory   = "/var/log/archive"
  path        = "${field.type}/${strftime("%Y/%m-%d")}/events-${field.env}"
  compression = "gzip"
  format "ndjson" {}
  # Changed: file.path = /var/log/archive/%{type}/%{+YYYY}/%{+MM-dd}/events-%{env}.log.gz: files
  # appear whole, in directories by that path, when they roll
  # Changed: file.codec.format = %{@timestamp} %{message}: records go out as JSON
  # Changed: file: @metadata is a field like others, and goes out with them
  # Left out: file.flush_interval = 5: outputs read the buffer all the time
  # Left out: file.create_if_deleted = true: penstock has nothing of this name here
}

output "s3" "s3" {
  bucket = "acme-archive"
  region = "eu-central-1"
  acl    = "private"
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
  # Left out: s3.rotation_strategy = size_and_time: see roll
  # Left out: s3.upload_workers_count = 4: penstock has nothing of this name here
  # Left out: s3.temporary_directory = /var/tmp/logstash: the spool lies below data_dir
}

pipeline "main" {
  from = [input.tail.shop, input.syslog.network, input.tcp.app, input.http.hook]
  filter = [
    filter.parse.shop,
    filter.add_fields.shop,
    filter.add_fields.shop_path,
    filter.add_fields.shop_2,
    filter.set.shop_tags,
    filter.add_fields.network,
    filter.rename_fields.network,
    filter.parse.app,
    filter.add_fields.app,
    filter.add_fields.hook,
    filter.parse.grok,
    filter.set.grok_failed,
    filter.time.date,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.set.branch_1_3,
    filter.sample.drop,
    filter.add_fields.mutate,
    filter.set.mutate_tags,
    filter.replace.mutate,
    filter.replace.mutate_2,
    filter.set.mutate,
    filter.set.mutate_2,
    filter.set.branch_2,
    filter.parse.grok_2,
    filter.rename_fields.grok,
    filter.parse.dissect,
    filter.convert.mutate,
    filter.lookup.geoip,
    filter.parse.useragent,
    filter.parse.kv,
    filter.hash.fingerprint,
    filter.parse.json,
    filter.rename_fields.mutate,
    filter.add_fields.mutate_2,
    filter.add_fields.mutate_3,
    filter.convert.mutate_2,
    filter.set.mutate_3,
    filter.split.mutate,
    filter.set.mutate_4,
    filter.set.mutate_5,
    filter.remove_fields.mutate,
    filter.set.branch_3,
    filter.add_fields.mutate_4,
    filter.drop.drop,
    filter.set.document_id,
  ]
  # Left out: grok.break_on_match = true: the first pattern that fits is taken
  # Left out: grok.timeout_millis = 5000: penstock has nothing of this name here
  # LEFT OUT: translate: write filter "lookup", with a table
  # Left out: geoip.fields = city_name: penstock has nothing of this name here
  # Left out: geoip.fields = country_iso_code: penstock has nothing of this name here
  # LEFT OUT: kv.prefix = auth_: penstock has nothing of this name here
  # Left out: kv.include_keys = user: penstock has nothing of this name here
  # Left out: kv.include_keys = tty: penstock has nothing of this name here
  # Left out: kv.trim_value = ": penstock has nothing of this name here
  # Left out: cidr: there is no filter that does this; see penstock help
  # Left out: fingerprint.concatenate_sources = true: penstock has nothing of this name here
  # Left out: json.skip_on_invalid_json = true: what cannot be parsed passes: see on_failure
  # LEFT OUT: ruby: write filter "set" with expressions, or "wasm"
  # Left out: mutate.coerce: write filter "set" for it
  # Left out: mutate.merge: write filter "set" for it
  # LEFT OUT: throttle: write filter "throttle", with limit, per and key
  # LEFT OUT: prune: write filter "keep_fields" or "remove_fields"
  # LEFT OUT: clone: there is no filter that does this; see penstock help
  # Left out: urldecode: there is no filter that does this; see penstock help
  # LEFT OUT: truncate: write filter "truncate", with fields and size
  # LEFT OUT: sleep: there is no filter that does this; see penstock help
  # Left out: metrics: see filter "count": counters and histograms on /metrics
  # LEFT OUT: aggregate: nothing is put together of several records, but lines by filter "multiline"
  # LEFT OUT: elasticsearch: there is no filter that does this; see penstock help
  # LEFT OUT: email: there is no such output; see penstock help for those there are
  # LEFT OUT: pipeline: there is no such output; see penstock help for those there are
  route {
    if = "field['@metadata'].target == 'shop' and not ('alert' in (field.tags ?? []))"
    to = [output.elasticsearch.elasticsearch]
  }
  route {
    if = "not (field['@metadata'].target == 'shop' and not ('alert' in (field.tags ?? []))) and 'alert' in (field.tags ?? [])"
    to = [output.http.http]
  }
  route {
    if = "not (field['@metadata'].target == 'shop' and not ('alert' in (field.tags ?? []))) and not ('alert' in (field.tags ?? [])) and field.type == 'network'"
    to = [output.kafka.kafka]
  }
  route {
    if = "not (field['@metadata'].target == 'shop' and not ('alert' in (field.tags ?? []))) and not ('alert' in (field.tags ?? [])) and not (field.type == 'network')"
    to = [output.local.file, output.s3.s3]
  }
}
