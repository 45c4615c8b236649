agent {
  data_dir = "/var/lib/penstock"
}

# Shows: conditions by the path of a file, which also chooses topics.
input "tail" "log_1" {
  paths       = ["/var/log/web/*.log"]
  empty_lines = "skip"
  tag         = "log_1"
  path_header = "path"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_1" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "log_1_path" {
  fields = {
    "log.file.path" = header.path
  }
}

filter "drop" "drop_event" {
  if = "string(field.log.file.path ?? '') contains 'debug'"
}

output "kafka" "kafka" {
  brokers     = ["kafka:9092"]
  topic       = "${header.topic}"
  compression = "gzip"
}

filter "set" "topic" {
  headers = {
    topic = "(string(field.log.file.path ?? '') contains 'error') ? 'errors' : 'web'"
  }
}

pipeline "main" {
  from = [input.tail.log_1]
  filter = [
    filter.parse.log_1,
    filter.add_fields.log_1_path,
    filter.drop.drop_event,
    filter.set.topic,
  ]
  to = [output.kafka.kafka]
}
