agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: filebeat.inputs: there is no such input; see penstock help for those there are
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:5066"
    # Changed: http.enabled: the status page and /metrics
  }
  # Left out: processors.rename.ignore_missing = true: what is not there is left alone
  # Left out: processors.rename.fail_on_error = false: what fails passes as it is
  # Left out: processors.copy_fields.fail_on_error = false: what fails passes as it is
  # Left out: processors.copy_fields.ignore_missing = true: what is not there is left alone
  # Left out: processors.decode_json_fields.max_depth = 2: penstock has nothing of this name here
  # Left out: processors.decode_json_fields.process_array = true: penstock has nothing of this name
  # here
  # Left out: processors.decode_json_fields.overwrite_keys = true: what is parsed takes the place
  # of fields of its names
  # Left out: processors.convert.ignore_missing = true: what is not there is left alone
  # Left out: processors.replace.ignore_missing = true: what is not there is left alone
  # Left out: processors.fingerprint.method = sha256: penstock has nothing of this name here
  # Left out: processors.drop_fields.ignore_missing = true: what is not there is left alone
  # Left out: queue.disk.max_size = 10GB: see buffer.max_size
  # Left out: queue.disk.path = /var/lib/filebeat/q: the buffer lies below data_dir
  # Left out: max_procs = 2: penstock has nothing of this name here
  # Left out: name = edge-${HOSTNAME}: see agent.name
  # Left out: http.host = localhost: the status page is on loopback: see agent.admin.listen
  # Left out: monitoring.enabled = true: what a pipeline names runs
  # Left out: monitoring.cluster_uuid = abc: penstock has nothing of this name here
  # Left out: logging.to_files = true: the log goes to standard error
  # Left out: logging.files.path = /var/log/filebeat: the log goes to standard error
  # Left out: logging.files.keepfiles = 7: penstock has nothing of this name here
  # Left out: setup.template.enabled = false: templates and life cycles are set up by others
  # Left out: setup.template.name = fb: templates and life cycles are set up by others
  # Left out: setup.template.pattern = fb-*: templates and life cycles are set up by others
  # Left out: setup.ilm.enabled = false: templates and life cycles are set up by others
  # Left out: setup.kibana.host = kibana:5601: dashboards are set up by others
}

input "tail" "shop" {
  paths          = ["/srv/shop/log/*.log", "/srv/shop/log/*/*.json"]
  ignore_older   = "3d"
  close_inactive = "10m"
  exclude        = ["/**/*.gz", "/**/*debug*", "/**/*debug*/**"]
  encoding       = "iso-8859-15"
  multiline {
    start     = "^\\["
    max_lines = 200
    timeout   = "3s"
  }
  tag = "shop"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = shop: the input has a name
  # Left out: filebeat.inputs.prospector.scanner.check_interval = 5s: see rescan_interval
  # Left out: filebeat.inputs.prospector.scanner.fingerprint.enabled = true: files are told by
  # device, inode and what they begin with
  # Left out: filebeat.inputs.prospector.scanner.fingerprint.length = 512: penstock has nothing of
  # this name here
  # Left out: filebeat.inputs.close.reader.on_eof = false: penstock has nothing of this name here
  # Left out: filebeat.inputs.clean_removed = true: see forget_after
  # Left out: filebeat.inputs.harvester_limit = 0: see max_open_files
  # Left out: filebeat.inputs.parsers.ndjson.message_key = msg: penstock has nothing of this name
  # here
  # Left out: filebeat.inputs.parsers.ndjson.add_error_key = true: what cannot be parsed passes as
  # it is: see on_failure
  # Left out: filebeat.inputs.parsers.ndjson.overwrite_keys = true: what is parsed takes the place
  # of fields of its names
  # Left out: filebeat.inputs.parsers.ndjson.expand_keys = true: names with dots stay as they are
  # Left out: filebeat.inputs.processors.then.dissect.ignore_failure = true: penstock has nothing
  # of this name here
  # Left out: filebeat.inputs.processors.then.timestamp.test = 31/Jan/2026:10:00:00 +0100: see
  # penstock test
}

filter "parse" "shop" {
  if      = "tag == 'shop'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "shop" {
  if = "tag == 'shop'"
  fields = {
    team        = "checkout"
    cost_center = 4711
  }
}

filter "set" "shop_tags" {
  if = "tag == 'shop'"
  fields = {
    tags = "concat(field.tags ?? [], ['shop', 'web'])"
  }
}

filter "drop" "drop_event" {
  if = "tag == 'shop' and (field.level == 'debug' or (string(field.url.path ?? '') matches '^/health' and field.status >= 200 and field.status < 300) or not (field.message != nil))"
}

filter "parse" "dissect" {
  if      = "tag == 'shop' and string(field.tags ?? '') contains 'web'"
  format  = "regex"
  field   = "message"
  keep    = "message"
  pattern = "(?s)^(?P<client_ip>.*?) - (?P<user>.*?) \\[(?P<when>.*?)\\] \"(?P<method>.*?) (?P<path>.*?) (?P<proto>.*?)\" (?P<status>.*?) (?P<bytes>.*)$"
  into    = "http"
  types = {
    status = "int"
    bytes  = "int"
  }
}

filter "rename_fields" "dissect" {
  if = "tag == 'shop' and string(field.tags ?? '') contains 'web'"
  fields = {
    "http.client_ip" = "http.client.ip"
  }
}

filter "time" "timestamp" {
  if      = "tag == 'shop' and string(field.tags ?? '') contains 'web'"
  field   = "http.when"
  formats = ["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S.%f %z"]
}

filter "set" "add_tags" {
  if = "tag == 'shop' and not (string(field.tags ?? '') contains 'web')"
  fields = {
    kind = "concat(field.kind ?? [], ['plain'])"
  }
}

input "tail" "container_2" {
  paths     = ["/var/log/containers/*.log"]
  tag       = "container_2"
  container = true
  # Changed: filebeat.inputs: the time that the runtime has written is the record's, not a field
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  kubernetes {
    node          = env("NODE_NAME")
    honor_exclude = false
  }
  # Left out: filebeat.inputs.format = auto: penstock has nothing of this name here
}

filter "parse" "container_2" {
  if      = "tag == 'container_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "container_2_stream" {
  if = "tag == 'container_2'"
  fields = {
    stream = header.stream
  }
}

filter "set" "add_kubernetes_metadata" {
  if = "tag == 'container_2' and header.pod != nil"
  fields = {
    kubernetes = "{namespace: header.namespace, pod: {name: header.pod, uid: header.uid}, node: {name: header.node}, container: {name: header.container}, labels: headers('labels.')}"
  }
  # Changed: filebeat.inputs.processors.add_kubernetes_metadata: what it tells of namespaces, nodes
  # and images is not told; the headers go with the record
  # Left out: filebeat.inputs.processors.add_kubernetes_metadata.default_indexers: pods are told by
  # the paths of their logs, always
  # Left out: filebeat.inputs.processors.add_kubernetes_metadata.matchers: pods are told by the
  # paths of their logs, always
}

filter "drop" "drop_event_2" {
  if = "tag == 'container_2' and field.kubernetes.namespace == 'kube-system'"
}

input "tail" "log_3" {
  paths         = ["/var/log/${env("APP", "app")}/*.log"]
  start_at      = "end"
  max_line_size = "1MiB"
  long_lines    = "truncate"
  empty_lines   = "skip"
  tag           = "log_3"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
  # Left out: filebeat.inputs.scan_frequency = 30s: see rescan_interval
  # Left out: filebeat.inputs.backoff = 1s: files are watched
  # Left out: filebeat.inputs.json.add_error_key = true: what cannot be parsed passes as it is: see
  # on_failure
  # LEFT OUT: filebeat.inputs.publisher_pipeline.disable_host = true: penstock has nothing of this
  # name here
}

filter "grep" "log_3" {
  if      = "tag == 'log_3'"
  include = ["^ERR", "^WARN"]
}

filter "grep" "log_3_2" {
  if      = "tag == 'log_3'"
  exclude = ["^DBG", "^#"]
}

filter "parse" "log_3" {
  if      = "tag == 'log_3'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

input "syslog" "syslog_4" {
  listen           = ["tls://0.0.0.0:9000"]
  max_message_size = "20KiB"
  tls {
    cert_file = "/etc/fb/crt.pem"
    key_file  = "/etc/fb/key.pem"
  }
  # Left out: filebeat.inputs.format = rfc5424: it is told by each message
  # Changed: filebeat.inputs: fields are called as penstock calls them: see penstock help
  # input.syslog
  tag = "syslog_4"
}

input "journald" "units" {
  matches = ["_SYSTEMD_UNIT=sshd.service", "PRIORITY=3"]
  from    = "beginning"
  tag     = "units"
  # Changed: filebeat.inputs journald: fields other than message are called as the journal calls
  # them
  # Left out: filebeat.inputs.id = units: the input has a name
  # Left out: filebeat.inputs.since = -24h: penstock has nothing of this name here
}

filter "rename_fields" "units" {
  if = "tag == 'units'"
  fields = {
    MESSAGE = "message"
  }
}

input "http" "http_endpoint_6" {
  listen = "0.0.0.0:8081"
  # LEFT OUT: filebeat.inputs.secret ...: a header of one's own is not asked for: write auth {
  # tokens = [...] }
  tag = "http_endpoint_6"
}

filter "add_fields" "shipper" {
  fields = {
    "fields.dc" = "fra"
  }
}

filter "set" "shipper_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['fleet'])"
  }
}

filter "add_fields" "add_fields" {
  fields = {
    "env.stage" = env("STAGE", "prod")
    "env.zone"  = "eu"
  }
}

filter "add_fields" "add_labels" {
  fields = {
    "labels.a.b" = "c"
  }
}

filter "rename_fields" "rename" {
  fields = {
    "a.b" = "c.d"
    e     = "f"
  }
}

filter "set" "copy_fields" {
  fields = {
    "event.original" = "field.message"
  }
}

filter "parse" "decode_json_fields" {
  format = "json"
  field  = "payload"
  into   = "data"
  keep   = "payload"
}

filter "rename_fields" "convert" {
  fields = {
    took = "ms"
  }
}

filter "convert" "convert" {
  types = {
    status = "int"
    ms     = "float"
  }
}

filter "truncate" "truncate_fields" {
  fields = ["message"]
  size   = "4096B"
}

filter "replace" "replace" {
  field   = "path"
  pattern = "\\d+"
  with    = "N"
}

filter "set" "decode_base64_field" {
  fields = {
    text = "fromBase64(field.b64)"
  }
}

filter "set" "extract_array" {
  fields = {
    first = "get(field.parts, 0)"
  }
}

filter "hash" "fingerprint" {
  fields = ["message", "host.name"]
  into   = "@metadata._id"
  # Changed: processors.fingerprint: the hash is another: names of fields are not hashed; see
  # algorithm
  # LEFT OUT: processors.fingerprint.target_field: it is a field; for ids of documents write filter
  # "set" with a header of it, and id_header
}

filter "throttle" "rate_limit" {
  key   = "string(field.host.name ?? '')"
  limit = 1000
  per   = "1s"
}

filter "remove_fields" "drop_fields" {
  fields   = ["agent.ephemeral_id", "ecs.version"]
  matching = ["internal.*"]
}

filter "keep_fields" "include_fields" {
  if     = "field.slim == true"
  fields = ["message", "host", "level"]
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9093", "kafka-2:9093"]
  # LEFT OUT: output.kafka.topics: write a route with an output of its own
  topic           = "${header.topic}"
  key             = "${agent}"
  partitioner     = "hash"
  compression     = "lz4"
  batch_max_bytes = "2MB"
  headers = {
    src = "filebeat"
  }
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "fb"
    password  = "hunter2"
  }
  tls {
    ca_file = "/etc/fb/ca.pem"
  }
  # Left out: output.kafka.partition.hash.reachable_only = true: see delivery_timeout
  # Left out: output.kafka.partition.hash.hash = host.name: penstock has nothing of this name here
  # Left out: output.kafka.partition.hash.random = false: penstock has nothing of this name here
  # Left out: output.kafka.version = 2.6.0: it is found out
  # Left out: output.kafka.compression_level = 4: see compression
  # Left out: output.kafka.required_acks = -1: a record counts as delivered when all in-sync
  # replicas have it, always
  # Left out: output.kafka.bulk_max_size = 4096: see window
  # Left out: output.kafka.broker_timeout = 30s: see request_timeout
  # Left out: output.kafka.keep_alive = 30s: connections are kept
  # Left out: output.kafka.channel_buffer_size = 1024: see buffer_bytes
  # Left out: output.kafka.metadata.refresh_frequency = 5m: see metadata_max_age
  # Left out: output.kafka.metadata.full = false: penstock has nothing of this name here
  # Left out: output.kafka.metadata.retry.max = 3: penstock has nothing of this name here
  # Left out: output.kafka.ssl.supported_protocols = TLSv1.2: penstock has nothing of this name here
  # Left out: output.kafka.ssl.supported_protocols = TLSv1.3: penstock has nothing of this name here
}

filter "set" "topic" {
  headers = {
    topic = "(string(field.level ?? '') matches '^(crit|alert)' and field.level != nil) ? 'critical-' + string(field.level) : (string(field.tags ?? '') contains 'audit') ? 'audit' : field.team != nil ? 'logs-' + string(field.team) : nil"
  }
}

pipeline "main" {
  from = [
    input.tail.shop,
    input.tail.container_2,
    input.tail.log_3,
    input.syslog.syslog_4,
    input.journald.units,
    input.http.http_endpoint_6,
  ]
  filter = [
    filter.parse.shop,
    filter.add_fields.shop,
    filter.set.shop_tags,
    filter.drop.drop_event,
    filter.parse.dissect,
    filter.rename_fields.dissect,
    filter.time.timestamp,
    filter.set.add_tags,
    filter.parse.container_2,
    filter.add_fields.container_2_stream,
    filter.set.add_kubernetes_metadata,
    filter.drop.drop_event_2,
    filter.grep.log_3,
    filter.grep.log_3_2,
    filter.parse.log_3,
    filter.rename_fields.units,
    filter.add_fields.shipper,
    filter.set.shipper_tags,
    filter.add_fields.add_fields,
    filter.add_fields.add_labels,
    filter.rename_fields.rename,
    filter.set.copy_fields,
    filter.parse.decode_json_fields,
    filter.rename_fields.convert,
    filter.convert.convert,
    filter.truncate.truncate_fields,
    filter.replace.replace,
    filter.set.decode_base64_field,
    filter.set.extract_array,
    filter.hash.fingerprint,
    filter.throttle.rate_limit,
    filter.remove_fields.drop_fields,
    filter.keep_fields.include_fields,
    filter.set.topic,
  ]
  to = [output.kafka.kafka]
  # LEFT OUT: filebeat.inputs.processors.else.script: write filter "set" with expressions, or "wasm"
  # LEFT OUT: filebeat.inputs.index = app-%{[agent.version]}-%{+yyyy.MM.dd}: it is for this input
  # alone: write a route with an output of its own
  # LEFT OUT: filebeat.inputs.pipeline = app-pipeline: it is for this input alone: write a route
  # with an output of its own
  # LEFT OUT: filebeat.autodiscover: write inputs for the files that it finds
  # Shows: a fleet's configuration: several filestreams with parsers, autodiscover with hints and
  # templates, modules, processors with if, then and else, scripts, conditions of all kinds, Kafka
  # by topics
  # LEFT OUT: filebeat.config: write inputs for the files that it finds
  # Left out: processors.add_host_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # Left out: processors.add_cloud_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # Left out: processors.add_docker_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
  # Left out: processors.add_process_metadata: nothing is asked of others; write filter
  # "add_fields" with ${agent} and what is known of the host
  # Left out: processors.add_locale: nothing is asked of others; write filter "add_fields" with
  # ${agent} and what is known of the host
  # LEFT OUT: processors.decode_csv_fields: write filter "parse" with format = "csv" and the names
  # of the columns
  # LEFT OUT: processors.urldecode: there is no filter that does this: have what reads the records
  # do it, or filter "wasm"
  # LEFT OUT: processors.registered_domain: there is no filter that does this: have what reads the
  # records do it, or filter "wasm"
  # LEFT OUT: processors.translate_sid: there is no filter that does this: have what reads the
  # records do it, or filter "wasm"
  # LEFT OUT: processors.community_id: there is no filter that does this: have what reads the
  # records do it, or filter "wasm"
  # LEFT OUT: processors.dns: nothing is asked of others: see filter "lookup" for tables of your own
  # Changed: processors.drop_fields.fields = /internal.*/: it is matched with the names of fields
  # at the top, not with those below them
}
