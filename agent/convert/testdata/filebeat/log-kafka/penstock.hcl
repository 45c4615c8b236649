agent {
  data_dir = "/var/lib/penstock"
  # Left out: filebeat.inputs: it is not enabled
}

# Shows: input log with multiline, fields, Kafka with partitions, keys and SASL; the environment.
# the web servers
input "tail" "log_1" {
  paths        = ["/var/log/nginx/access.log", "/var/log/nginx/other-*.log"]
  ignore_older = "1d"
  exclude      = ["/**/*.gz", "/**/*?swp", "/**/*debug*", "/**/*debug*/**"]
  empty_lines  = "skip"
  tag          = "log_1"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_1" {
  if      = "tag == 'log_1'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "log_1" {
  if = "tag == 'log_1'"
  fields = {
    "fields.log_topic" = "nginx"
    "fields.level"     = 3
  }
}

input "tail" "log_2" {
  paths = ["/var/log/java/*.log"]
  multiline {
    start = "^\\d{4}-"
  }
  tag = "log_2"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_2" {
  if      = "tag == 'log_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "log_2" {
  if = "tag == 'log_2'"
  fields = {
    "fields.log_topic" = "java"
  }
}

output "kafka" "kafka" {
  brokers         = ["${env("KAFKA", "kafka-1")}:9092", "kafka-2:9092"]
  topic           = "${field.fields.log_topic}"
  key             = "${field.fields.level}"
  partitioner     = "round_robin"
  compression     = "gzip"
  batch_max_bytes = "1MB"
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "filebeat"
    password  = env("KAFKA_PASSWORD")
  }
  # Left out: output.kafka.partition.round_robin.reachable_only = false: see delivery_timeout
  # Left out: output.kafka.required_acks = 1: a record counts as delivered when all in-sync
  # replicas have it, always
}

pipeline "main" {
  from = [input.tail.log_1, input.tail.log_2]
  filter = [
    filter.parse.log_1,
    filter.add_fields.log_1,
    filter.parse.log_2,
    filter.add_fields.log_2,
  ]
  to = [output.kafka.kafka]
}
