agent {
  data_dir = "/var/lib/penstock"
}

# Shows: record_transformer without and with Ruby, renew_record, keep and remove, tag_parts, the
# host's name.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

filter "add_fields" "record_transformer" {
  if = "tag matches '^(?:app[.][^.]*)$'"
  fields = {
    hostname = hostname()
    tag      = "${tag}"
    app      = "${tag[1]}"
    who      = "user-${field.user.name}"
    level    = field.level
    version  = "2"
  }
  # Left out: loud ${record["message"].upcase}: Ruby is not evaluated; write the field here, or
  # with filter "set" and an expression
}

filter "remove_fields" "record_transformer" {
  if     = "tag matches '^(?:app[.][^.]*)$'"
  fields = ["password", "user.secret"]
}

filter "add_fields" "record_transformer_2" {
  if = "tag == 'audit'"
  fields = {
    source = "audit"
  }
}

filter "keep_fields" "record_transformer" {
  if     = "tag == 'audit'"
  fields = ["source", "user", "action"]
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "${header.topic}"
  # Changed: default_topic other: the topic stands in a header, too, which filter "set" gives to
  # each record
}

filter "set" "kafka_topic" {
  headers = {
    topic = "field.app ?? 'other'"
  }
}

pipeline "main" {
  from = [input.forward.forward]
  filter = [
    filter.add_fields.record_transformer,
    filter.remove_fields.record_transformer,
    filter.add_fields.record_transformer_2,
    filter.keep_fields.record_transformer,
    filter.set.kafka_topic,
  ]
  # Left out: enable_ruby true: no Ruby is evaluated
  to = [output.kafka.kafka]
}
