agent {
  data_dir = "/var/lib/penstock"
}

# Shows: rewrite_tag: rules that move records and that copy them, a tag out of a field, one of a
# part of a field.
input "tail" "app" {
  paths = ["/var/log/app/*.log"]
  tag   = "app"
}

filter "parse" "app" {
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

filter "set" "rewrite_tag" {
  if = "tag == 'app' and type(field.level) == 'string' and field.level matches '^(error|fatal)$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'alerts.' + tag + '.' + string(field.level)"
  }
  # Changed: FILTER rewrite_tag rule $level ^(error|fatal)$ alerts.$TAG.$1 false: the new tag is
  # the record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_2" {
  if = "tag == 'app' and type(field.audit) == 'string' and field.audit matches '^true$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    copied_tag = "'audit.log'"
  }
  # Changed: FILTER rewrite_tag rule $audit ^true$ audit.log true: the new tag is the record's
  # header copied_tag, by which routes choose; an output that takes both tags gets it once
}

filter "add_fields" "modify" {
  if = "(header.new_tag ?? tag) matches '^(?:alerts(?:[.].*)?)$'"
  fields = {
    page = "on-call"
  }
  overwrite = false
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "alerts"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

output "kafka" "kafka_2" {
  brokers = ["k1:9092"]
  topic   = "audit"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

output "kafka" "kafka_3" {
  brokers = ["k1:9092"]
  topic   = "app"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.app,
    filter.set.rewrite_tag,
    filter.set.rewrite_tag_2,
    filter.add_fields.modify,
  ]
  # LEFT OUT: FILTER rewrite_tag rule $team['name'] ^([a-z]+)-(\d+)$ team.$2 false: $2 is a part of
  # the field; write a route with if
  # Left out: emitter_name re_emitted: what is held has bounds, and lies on disk
  # Left out: emitter_mem_buf_limit 10M: what is held has bounds, and lies on disk
  route {
    if = "(header.new_tag ?? tag) matches '^(?:alerts(?:[.].*)?)$'"
    to = [output.kafka.kafka]
  }
  route {
    if = "(tag == 'audit.log' or header.copied_tag == 'audit.log')"
    to = [output.kafka.kafka_2]
  }
  route {
    if = "tag == 'app' and header.new_tag == nil"
    to = [output.kafka.kafka_3]
  }
}
