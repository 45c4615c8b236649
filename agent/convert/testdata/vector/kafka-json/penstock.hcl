agent {
  data_dir = "/var/lib/penstock"
}

# Shows: JSON lines to Kafka with SASL and TLS, a template as topic, del, rename, types,
# environment.
# what the shop writes
input "tail" "shop" {
  paths    = ["/var/log/shop/*.json"]
  exclude  = ["/var/log/shop/debug-*.json"]
  start_at = "end"
  tag      = "shop"
  # Changed: sources.shop: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

# ours
filter "parse" "shape" {
  format = "json"
  field  = "message"
}

filter "remove_fields" "shape" {
  fields = ["password"]
}

filter "rename_fields" "shape" {
  fields = {
    uid = "user_id"
  }
}

filter "set" "shape" {
  fields = {
    status = "int(field.status ?? 0)"
  }
}

filter "add_fields" "shape" {
  fields = {
    env = env("STAGE")
  }
}

filter "set" "shape_2" {
  fields = {
    service = "'shop'"
  }
}

filter "set" "shape_3" {
  fields = {
    slow = "field.ms > 1000"
  }
}

output "kafka" "kafka" {
  brokers = [env("KAFKA", "kafka-1:9092"), "kafka-2:9092"]
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "shop"
    password  = env("KAFKA_PASSWORD")
  }
  tls {
    insecure_skip_verify = true
  }
  # Left out: sinks.kafka.librdkafka_options.batch.num.messages = 1000: see batch_max_bytes
  topic       = "shop-${field.level}"
  key         = "${field.user_id}"
  compression = "lz4"
  # Left out: sinks.kafka.encoding.codec = json: records go out as they are
}

pipeline "main" {
  from = [input.tail.shop]
  filter = [
    filter.parse.message,
    filter.parse.shape,
    filter.remove_fields.shape,
    filter.rename_fields.shape,
    filter.set.shape,
    filter.add_fields.shape,
    filter.set.shape_2,
    filter.set.shape_3,
  ]
  to = [output.kafka.kafka]
  # Changed: transforms.shape: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # Changed: transforms.shape: where Vector makes a field null, what is there stays
}
