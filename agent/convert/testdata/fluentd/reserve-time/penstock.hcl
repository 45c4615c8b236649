agent {
  data_dir = "/var/lib/penstock"
  # Left out: <label @ERROR>: what cannot be delivered goes to the dead letter, a directory below
  # data_dir: see dead_letter of outputs
  # Left out: <label @OLD>: nothing leads to it
}

# Shows: a parser filter that keeps the event's time, a label for errors, sizes with a unit, a
# label that nothing leads to.
input "tail" "app" {
  paths    = ["/var/log/app/*.log"]
  tag      = "app"
  start_at = "end"
  # Left out: pos_file /var/log/td-agent/app.pos: positions are kept below data_dir
}

filter "time" "app" {
  field   = "at"
  formats = ["%Y-%m-%dT%H:%M:%S%z"]
  remove  = true
}

filter "parse" "parser" {
  if              = "tag == 'app'"
  format          = "key_value"
  field           = "message"
  pair_separator  = "\t"
  value_separator = ":"
}

filter "remove_fields" "parser" {
  if     = "tag == 'app'"
  fields = ["ts"]
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  topic   = "app"
  # Left out: path /var/buf: buffers lie below data_dir
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.time.app, filter.parse.parser, filter.remove_fields.parser]
  # Changed: <source> tail json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  buffer {
    max_size = "4GiB"
  }
  route {
    match = ["app"]
    to    = [output.kafka.kafka]
  }
}
