agent {
  data_dir = "/var/lib/penstock"
}

# Shows: tags of what cannot be parsed, each its own, and what filters do only where they can parse.
input "tcp" "tcp" {
  listen = "0.0.0.0:5000"
  tag    = "tcp"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "tcp" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "tcp_2" {
  format     = "json"
  field      = "message"
  on_failure = "mark"
  # Changed: tcp.codec: what cannot be parsed has a header parse_error as well
}

filter "set" "json_failed" {
  if = "header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_jsonparsefailure']))"
  }
  headers = {
    parse_error = "'_jsonparsefailure'"
  }
}

filter "parse" "grok" {
  format     = "grok"
  field      = "message"
  pattern    = "%%{LOGLEVEL:level} %%{GREEDYDATA:text}"
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
}

filter "set" "grok_failed" {
  if = "header.parse_error != nil and not (header.parse_error in ['_jsonparsefailure'])"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_nomatch']))"
  }
  headers = {
    parse_error = "'_nomatch'"
  }
}

filter "parse" "dissect" {
  format     = "regex"
  field      = "text"
  pattern    = "(?s)^(?P<user>.*?)=(?P<rest>.*)$"
  on_failure = "mark"
  # Changed: dissect: what cannot be parsed has a header parse_error as well
}

filter "set" "dissect_failed" {
  if = "header.parse_error != nil and not (header.parse_error in ['_jsonparsefailure', '_nomatch'])"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['_dissectfailure']))"
  }
  headers = {
    parse_error = "'_dissectfailure'"
  }
}

filter "add_fields" "dissect" {
  if = "not ('_dissectfailure' in (field.tags ?? []))"
  fields = {
    shaped = "yes"
  }
}

filter "remove_fields" "dissect" {
  if     = "not ('_dissectfailure' in (field.tags ?? []))"
  fields = ["level"]
}

filter "time" "date" {
  field   = "when"
  formats = ["iso8601"]
  remove  = true
}

filter "parse" "useragent" {
  format = "user_agent"
  field  = "agent"
  keep   = "agent"
  into   = "ua"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

filter "add_fields" "mutate" {
  if = "'_dissectfailure' in (field.tags ?? [])"
  fields = {
    odd = "yes"
  }
}

output "file" "file" {
  path   = "/var/log/failed.json"
  format = "ndjson"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "plain"
}

output "kafka" "kafka_2" {
  brokers = ["kafka:9092"]
  topic   = "t"
}

pipeline "main" {
  from = [input.tcp.tcp]
  filter = [
    filter.parse.tcp,
    filter.parse.tcp_2,
    filter.set.json_failed,
    filter.parse.grok,
    filter.set.grok_failed,
    filter.parse.dissect,
    filter.set.dissect_failed,
    filter.add_fields.dissect,
    filter.remove_fields.dissect,
    filter.time.date,
    filter.parse.useragent,
    filter.add_fields.mutate,
  ]
  route {
    if = "'_nomatch' in (field.tags ?? [])"
    to = [output.file.file]
  }
  route {
    if = "not ('_nomatch' in (field.tags ?? [])) and '_jsonparsefailure' in (field.tags ?? [])"
    to = [output.kafka.kafka]
  }
  route {
    if = "not ('_nomatch' in (field.tags ?? [])) and not ('_jsonparsefailure' in (field.tags ?? []))"
    to = [output.kafka.kafka_2]
  }
}
