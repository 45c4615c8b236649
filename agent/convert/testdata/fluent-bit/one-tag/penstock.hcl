agent {
  data_dir = "/var/lib/penstock"
}

# Shows: two inputs of one tag, which are read in the same way.
input "tail" "app" {
  paths = ["/var/log/a/*.log"]
  tag   = "app"
}

filter "parse" "app" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "app_2" {
  paths = ["/var/log/b/*.log"]
  tag   = "app"
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "app"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

pipeline "main" {
  from   = [input.tail.app, input.tail.app_2]
  filter = [filter.parse.app]
  route {
    match = ["app"]
    to    = [output.kafka.kafka]
  }
}
