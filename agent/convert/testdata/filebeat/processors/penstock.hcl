agent {
  data_dir = "/var/lib/penstock"
  # Left out: processors.rename.ignore_missing = true: what is not there is left alone
}

# Shows: drop_event, rename, drop_fields, copy_fields, decode_json_fields, dissect, convert,
# conditions.
input "tail" "log_1" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "log_1"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_1" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

# nobody reads these
filter "drop" "drop_event" {
  if = "string(field.message ?? '') matches '^DEBUG'"
}

filter "parse" "decode_json_fields" {
  format = "json"
  field  = "message"
  keep   = "message"
}

filter "parse" "dissect" {
  format  = "regex"
  field   = "request"
  keep    = "request"
  pattern = "(?s)^(?P<client>.*?) - (?P<user>.*?) .*$"
  into    = "http"
}

filter "rename_fields" "rename" {
  fields = {
    msg = "text"
  }
}

filter "set" "copy_fields" {
  fields = {
    who = "field.http.user"
  }
}

filter "convert" "convert" {
  types = {
    status = "int"
  }
}

filter "remove_fields" "drop_fields" {
  if     = "(field.status >= 400 and not (field.env == 'test'))"
  fields = ["secret"]
}

filter "add_fields" "add_fields" {
  fields = {
    team = "blue"
    tier = 2
  }
}

filter "set" "add_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['web', 'prod'])"
  }
}

output "stdout" "stdout" {
  format = "ndjson"
  # Left out: output.console.pretty = false: records stand on a line each
}

pipeline "main" {
  from = [input.tail.log_1]
  filter = [
    filter.parse.log_1,
    filter.drop.drop_event,
    filter.parse.decode_json_fields,
    filter.parse.dissect,
    filter.rename_fields.rename,
    filter.set.copy_fields,
    filter.convert.convert,
    filter.remove_fields.drop_fields,
    filter.add_fields.add_fields,
    filter.set.add_tags,
  ]
  to = [output.stdout.stdout]
  # Left out: processors.add_host_metadata: nothing is asked of others; write filter "add_fields"
  # with ${agent} and what is known of the host
}
