agent {
  data_dir = "/var/lib/penstock"
}

# Shows: if, else and abort, a filter for all sinks, strings and numbers, coalescing, a time.
input "tail" "app" {
  paths = ["/var/log/app.log"]
  tag   = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "add_fields" "app_host" {
  fields = {
    host = "${agent}"
  }
}

filter "set" "parse" {
  fields = {
    vector_text = "field.message"
  }
}

filter "parse" "parse" {
  format = "json"
  field  = "vector_text"
}

filter "remove_fields" "parse" {
  fields = ["vector_text"]
}

filter "drop" "parse" {
  if = "field.level == 'debug'"
}

filter "set" "parse_2" {
  fields = {
    status = "int(field.status ?? 0)"
  }
}

filter "set" "parse_3" {
  if = "field.status >= 500"
  fields = {
    severity = "'error'"
  }
}

filter "set" "parse_4" {
  if = "not (field.status >= 500) and field.status >= 400"
  fields = {
    severity = "'warning'"
  }
}

filter "set" "parse_5" {
  if = "not (field.status >= 500) and not (field.status >= 400)"
  fields = {
    severity = "'info'"
  }
}

filter "set" "parse_6" {
  fields = {
    host = "lower(field.host)"
  }
}

filter "set" "parse_7" {
  fields = {
    ms = "field.seconds * 1000"
  }
}

filter "set" "parse_8" {
  if = "not ((field.user != nil or 'user' in field))"
  fields = {
    user = "'nobody'"
  }
}

filter "time" "parse" {
  field   = "ts"
  formats = ["%d/%b/%Y:%T %z"]
  # Changed: parse: .timestamp = parse_timestamp!(.ts, format: "%d/%b/%Y:%T %z"): it is the
  # record's time, and no field: filter "set" { fields = { timestamp = "time" } } makes one
}

filter "where" "keep" {
  condition = "field.severity != 'info' and not ((field.probe in ['health', 'ready']))"
}

output "stdout" "out" {
  format = "ndjson"
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.message,
    filter.add_fields.app_host,
    filter.set.parse,
    filter.parse.parse,
    filter.remove_fields.parse,
    filter.drop.parse,
    filter.set.parse_2,
    filter.set.parse_3,
    filter.set.parse_4,
    filter.set.parse_5,
    filter.set.parse_6,
    filter.set.parse_7,
    filter.set.parse_8,
    filter.time.parse,
    filter.where.keep,
  ]
  to = [output.stdout.out]
  # Changed: transforms.parse: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # Changed: transforms.parse: where Vector makes a field null, what is there stays
}
