agent {
  data_dir = "/var/lib/penstock"
}

# Shows: lines of which some are JSON and some are not, at the top of events and in an object of
# theirs, with topics out of fields.
input "tail" "container_1" {
  paths     = ["/var/log/containers/*.log"]
  tag       = "container_1"
  container = true
  # Changed: filebeat.inputs: the time that the runtime has written is the record's, not a field
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
}

filter "parse" "container_1" {
  if      = "tag == 'container_1'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "container_1_stream" {
  if = "tag == 'container_1'"
  fields = {
    stream = header.stream
  }
}

filter "add_fields" "container_1" {
  if = "tag == 'container_1'"
  fields = {
    log_topic = "container"
  }
}

input "tail" "log_2" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "log_2"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
  # Left out: filebeat.inputs.json.message_key = log: penstock has nothing of this name here
}

filter "parse" "log_2" {
  if      = "tag == 'log_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "log_2_2" {
  if     = "tag == 'log_2'"
  format = "json"
  field  = "message"
  into   = "json"
}

filter "add_fields" "log_2" {
  if = "tag == 'log_2'"
  fields = {
    log_topic = "app"
  }
}

output "kafka" "kafka" {
  brokers     = ["kafka:9092"]
  topic       = "${field.log_topic}"
  compression = "gzip"
}

pipeline "main" {
  from = [input.tail.container_1, input.tail.log_2]
  filter = [
    filter.parse.container_1,
    filter.add_fields.container_1_stream,
    filter.add_fields.container_1,
    filter.parse.log_2,
    filter.parse.log_2_2,
    filter.add_fields.log_2,
  ]
  to = [output.kafka.kafka]
}
