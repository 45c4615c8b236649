agent {
  data_dir = "/var/lib/penstock"
}

# Shows: inputs whose tags begin with another's, that have the ready-made one, or one of the
# environment.
input "tail" "app" {
  paths = ["/var/log/app/*.log"]
  tag   = "app.${path_dots}"
}

filter "parse" "app" {
  if      = "tag matches '^(?:app(?:[.].*)?)$' and not (tag matches '^(?:app[.]web(?:[.].*)?)$')"
  formats = ["docker", "regex"]
  time    = true
  # Changed: parser docker: fields are called as penstock calls them: see penstock help filter.parse
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "app_web" {
  paths = ["/var/log/web/*.log"]
  tag   = "app.web.${path_dots}"
}

filter "parse" "app_web" {
  if      = "tag matches '^(?:app[.]web(?:[.].*)?)$'"
  formats = ["docker", "regex"]
  time    = true
  # Changed: parser docker: fields are called as penstock calls them: see penstock help filter.parse
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "tail" {
  paths = ["/var/log/first.log"]
  tag   = "tail.2"
}

filter "parse" "tail" {
  if      = "tag == 'tail.2'"
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "tail_2" {
  paths = ["/var/log/second.log"]
  tag   = "tail.3"
}

filter "parse" "tail_2" {
  if      = "tag == 'tail.3'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "tail_3" {
  paths = ["/var/log/env.log"]
  tag   = env("TAG")
}

filter "parse" "tail_3" {
  if      = "not (tag matches '^(?:app(?:[.].*)?)$') and not (tag matches '^(?:app[.]web(?:[.].*)?)$') and not (tag == 'tail.2') and not (tag == 'tail.3') and not (tag == 'tcp.0')"
  format  = "regex"
  pattern = "^(?P<text>(?s:.*))$"
}

input "tcp" "tcp" {
  listen = "0.0.0.0:5170"
  tag    = "tcp.0"
}

filter "parse" "tcp" {
  if      = "tag == 'tcp.0'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "app"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

pipeline "main" {
  from = [
    input.tail.app,
    input.tail.app_web,
    input.tail.tail,
    input.tail.tail_2,
    input.tail.tail_3,
    input.tcp.tcp,
  ]
  filter = [
    filter.parse.app,
    filter.parse.app_web,
    filter.parse.tail,
    filter.parse.tail_2,
    filter.parse.tail_3,
    filter.parse.tcp,
  ]
  to = [output.kafka.kafka]
}
