agent {
  data_dir = "/var/lib/penstock"
}

# Shows: topics chosen by conditions, with one for the rest; if, then and else.
input "tail" "log_1" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "log_1"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_1" {
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "add_fields" {
  if = "field.kind == 'audit'"
  fields = {
    keep = "10y"
  }
}

filter "add_fields" "add_fields_2" {
  if = "not (field.kind == 'audit')"
  fields = {
    keep = "30d"
  }
}

output "kafka" "kafka" {
  brokers     = ["kafka:9092"]
  topic       = "${header.topic}"
  compression = "gzip"
}

filter "set" "topic" {
  headers = {
    topic = "(string(field.message ?? '') contains 'CRITICAL') ? 'critical' : ((field.level == 'error' or field.status >= 500 and field.status < 600)) ? 'errors' : 'other'"
  }
}

pipeline "main" {
  from = [input.tail.log_1]
  filter = [
    filter.parse.log_1,
    filter.add_fields.add_fields,
    filter.add_fields.add_fields_2,
    filter.set.topic,
  ]
  to = [output.kafka.kafka]
}
