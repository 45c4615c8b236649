agent {
  data_dir = "/var/lib/penstock"
}

# Shows: several inputs with types, grok with add_field and two patterns, a failure's tag in a
# route.
input "tcp" "syslog" {
  listen = "0.0.0.0:5000"
  tag    = "syslog"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "syslog" {
  if      = "tag == 'syslog'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "syslog" {
  if = "tag == 'syslog'"
  fields = {
    type = "syslog"
  }
}

input "udp" "raw" {
  listen = "0.0.0.0:5001"
  tag    = "raw"
  # Changed: udp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "raw" {
  if      = "tag == 'raw'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "raw" {
  if = "tag == 'raw'"
  fields = {
    type = "raw"
  }
}

filter "parse" "grok" {
  if     = "field.type == 'syslog'"
  format = "grok"
  field  = "message"
  keep   = "message"
  patterns = [
    "%%{SYSLOGTIMESTAMP:ts} %%{SYSLOGHOST:syslog_hostname} %%{DATA:program}(?:\\[%%{POSINT:pid}\\])?: %%{GREEDYDATA:text}",
    "%%{GREEDYDATA:text}",
  ]
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
}

filter "set" "grok_failed" {
  if = "field.type == 'syslog' and header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_grokparsefailure']))"
  }
  headers = {
    parse_error = "'_grokparsefailure'"
  }
}

filter "add_fields" "grok" {
  if = "field.type == 'syslog' and not ('_grokparsefailure' in (field.tags ?? []))"
  fields = {
    received_from = "${agent}"
    received_at   = "${time}"
  }
}

filter "time" "date" {
  if      = "field.type == 'syslog'"
  field   = "ts"
  formats = ["%b  %d %H:%M:%S", "%b %d %H:%M:%S"]
  zone    = "Europe/Berlin"
}

output "local" "file" {
  directory   = "/var/log"
  path        = "failed_syslog_events-${strftime("%Y-%m-%d")}"
  compression = "none"
  format "ndjson" {}
  # Changed: file.path = /var/log/failed_syslog_events-%{+YYYY-MM-dd}: files appear whole, in
  # directories by that path, when they roll
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://es:9200"]
  index     = "syslog-${strftime("%Y.%m.%d")}"
  operation = "index"
}

pipeline "main" {
  from = [input.tcp.syslog, input.udp.raw]
  filter = [
    filter.parse.syslog,
    filter.add_fields.syslog,
    filter.parse.raw,
    filter.add_fields.raw,
    filter.parse.grok,
    filter.set.grok_failed,
    filter.add_fields.grok,
    filter.time.date,
  ]
  route {
    if = "'_grokparsefailure' in (field.tags ?? [])"
    to = [output.local.file]
  }
  route {
    if = "not ('_grokparsefailure' in (field.tags ?? [])) and field.type in ['syslog', 'raw'] and field.program != 'cron'"
    to = [output.elasticsearch.elasticsearch]
  }
}
