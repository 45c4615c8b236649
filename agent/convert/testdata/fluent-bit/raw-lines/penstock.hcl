agent {
  data_dir = "/var/lib/penstock"
}

# Shows: raw format to Kafka, several topics, a topic by field, udp, stdin.
input "stdin" "in" {
  tag = "in"
}

input "udp" "udp" {
  listen = "0.0.0.0:5170"
  tag    = "udp"
}

filter "parse" "udp" {
  if      = "tag == 'udp'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "${expr("field.topic ?? 'a'")}"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

output "kafka" "kafka_2" {
  brokers = ["kafka:9092"]
  topic   = "lines"
  # Changed: raw_log_key log: values are the records' JSON: take the field out with filter "parse",
  # or leave the parse filter out so that lines stay lines
}

pipeline "main" {
  from   = [input.stdin.in, input.udp.udp]
  filter = [filter.parse.udp]
  route {
    match = ["in"]
    to    = [output.kafka.kafka]
  }
  route {
    match = ["udp"]
    to    = [output.kafka.kafka_2]
  }
}
