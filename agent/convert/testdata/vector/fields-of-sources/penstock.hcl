agent {
  data_dir = "/var/lib/penstock"
}

# Shows: fields that Vector adds to events and that something asks for: the topic and key of
# Kafka's.
input "kafka" "bus" {
  brokers = ["kafka:9092"]
  group   = "lake"
  topics  = ["web", "app"]
  start   = "latest"
}

filter "add_fields" "bus_topic" {
  fields = {
    topic = "${tag}"
  }
}

filter "add_fields" "bus_message_key" {
  fields = {
    message_key = "${key}"
  }
}

filter "set" "kind" {
  if = "field.topic == 'web'"
  fields = {
    kind = "'access'"
  }
}

filter "set" "kind_2" {
  fields = {
    id = "field.message_key"
  }
}

filter "where" "rest" {
  condition = "field.topic != 'app'"
}

output "s3" "lake" {
  bucket      = "lake"
  region      = "eu-central-1"
  path        = "${field.topic}/${strftime("%Y-%m-%d")}"
  compression = "gzip"
  format "ndjson" {}
  roll {
    age = "5m"
  }
}

pipeline "main" {
  from = [input.kafka.bus]
  filter = [
    filter.add_fields.bus_topic,
    filter.add_fields.bus_message_key,
    filter.set.kind,
    filter.set.kind_2,
    filter.where.rest,
  ]
  to = [output.s3.lake]
  # Changed: transforms.kind: where Vector makes a field null, what is there stays
}
