agent {
  data_dir = "/var/lib/penstock"
}

# Shows: sources whose tags begin with another's, or that have one of the environment.
input "tail" "app" {
  paths = ["/var/log/app/*.log"]
  tag   = "app.${path_dots}"
}

filter "parse" "app" {
  if      = "tag matches '^(?:app(?:[.].*)?)$' and not (tag matches '^(?:app[.]web(?:[.].*)?)$')"
  format  = "regex"
  pattern = "^(?P<whole>.*)$"
}

input "tail" "web" {
  paths = ["/var/log/web/*.log"]
  tag   = "app.web.${path_dots}"
}

filter "parse" "web" {
  if      = "tag matches '^(?:app[.]web(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<web>.*)$"
}

input "tail" "env" {
  paths = ["/var/log/env.log"]
  tag   = env("TAG")
}

filter "time" "env" {
  if     = "not (tag matches '^(?:app(?:[.].*)?)$') and not (tag matches '^(?:app[.]web(?:[.].*)?)$') and not (tag == 'wire')"
  field  = "time"
  remove = true
}

input "tcp" "tcp" {
  listen = "0.0.0.0:5170"
  tag    = "wire"
}

filter "time" "tcp" {
  if     = "tag == 'wire'"
  field  = "nil"
  remove = true
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "app"
}

pipeline "main" {
  from   = [input.tail.app, input.tail.web, input.tail.env, input.tcp.tcp]
  filter = [filter.parse.app, filter.parse.web, filter.time.env, filter.time.tcp]
  # Changed: <source> tail regexp: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Changed: <source> tail json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  # Changed: <source> tcp json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  to = [output.kafka.kafka]
}
