agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a time out of the record, a replacement, included fields, the time zone.
input "tail" "log_1" {
  paths       = ["/var/log/app.json"]
  empty_lines = "skip"
  tag         = "log_1"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
  # Left out: filebeat.inputs.json.overwrite_keys = true: what is parsed takes the place of fields
  # of its names
}

filter "parse" "log_1" {
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "time" "timestamp" {
  field   = "ts"
  formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]
  zone    = "Europe/Berlin"
}

filter "replace" "replace" {
  field   = "path"
  pattern = "^/home/[^/]+"
  with    = "~"
}

filter "keep_fields" "include_fields" {
  fields = ["ts", "path", "level"]
}

output "kafka" "kafka" {
  brokers     = ["kafka"]
  topic       = "app-${strftime("%Y%m")}"
  compression = "gzip"
}

pipeline "main" {
  from = [input.tail.log_1]
  filter = [
    filter.parse.log_1,
    filter.time.timestamp,
    filter.replace.replace,
    filter.keep_fields.include_fields,
  ]
  to = [output.kafka.kafka]
}
