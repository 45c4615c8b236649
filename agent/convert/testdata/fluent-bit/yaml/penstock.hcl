# Shows: YAML with env, service, parsers, pipeline, several of one name as a list.
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "info"
  }
  admin {
    listen = "127.0.0.1:2020"
    # Changed: http_server true: the status page and /metrics, on loopback unless written otherwise
  }
  # Left out: flush 1: outputs read the buffer all the time
}

input "tail" "access" {
  paths = ["/var/log/access.log"]
  tag   = "access"
}

filter "parse" "access" {
  format   = "regex"
  patterns = ["^(?P<host>[^ ]*) (?P<code>[0-9]+)$", "^(?P<log>(?s:.*))$"]
  types = {
    code = "int"
  }
}

filter "add_fields" "modify" {
  fields = {
    stage = "prod"
  }
  overwrite = false
}

filter "add_fields" "modify_2" {
  fields = {
    service = "web"
  }
  overwrite = false
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "access"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

pipeline "main" {
  from   = [input.tail.access]
  filter = [filter.parse.access, filter.add_fields.modify, filter.add_fields.modify_2]
  route {
    match = ["access"]
    to    = [output.kafka.kafka]
  }
}
