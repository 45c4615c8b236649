agent {
  data_dir = "/var/lib/penstock"
}

# Shows: JSON lines to Kafka with SASL and TLS, a topic out of the event, a key, the environment.
input "tail" "file" {
  paths    = ["/var/log/app/*.json"]
  start_at = "end"
  tag      = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  path_header = "path"
}

filter "parse" "file" {
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "file_path" {
  fields = {
    path = header.path
  }
  overwrite = false
}

filter "set" "file_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['app'])"
  }
}

filter "drop" "drop" {
  if = "field.level == 'debug' or not (field.service != nil)"
}

filter "rename_fields" "mutate" {
  fields = {
    "ctx.user" = "user"
  }
}

filter "convert" "mutate" {
  types = {
    status = "int"
    ok     = "bool"
  }
}

filter "replace" "mutate" {
  field   = "path"
  pattern = "/\\d+"
  with    = "/N"
}

filter "set" "mutate" {
  fields = {
    level = "lower(field.level)"
  }
}

filter "set" "mutate_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['seen'])"
  }
}

filter "remove_fields" "mutate" {
  fields = ["secret"]
}

output "kafka" "kafka" {
  brokers     = ["${env("KAFKA", "kafka-1")}:9092", "kafka-2:9092"]
  topic       = "app-${field.service}"
  key         = "${field.user}"
  compression = "lz4"
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "ls"
    password  = "hunter2"
  }
  # Left out: kafka.acks = 1: a record counts as delivered when all in-sync replicas have it, always
}

pipeline "main" {
  from = [input.tail.file]
  filter = [
    filter.parse.file,
    filter.add_fields.file_path,
    filter.set.file_tags,
    filter.drop.drop,
    filter.rename_fields.mutate,
    filter.convert.mutate,
    filter.replace.mutate,
    filter.set.mutate,
    filter.set.mutate_tags,
    filter.remove_fields.mutate,
  ]
  to = [output.kafka.kafka]
}
