agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multiline by continuation with a flush time, in a filestream; continuation before.
input "tail" "traces" {
  paths = ["/var/log/traces.log"]
  multiline {
    continue  = "^[[:space:]]+(at|\\.{3})"
    max_lines = 200
    timeout   = "10s"
  }
  tag = "traces"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = traces: the input has a name
}

filter "parse" "traces" {
  if      = "tag == 'traces'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "tail" "log_2" {
  paths = ["/var/log/c.log"]
  multiline {
    continue_after = "\\\\$"
  }
  tag = "log_2"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_2" {
  if      = "tag == 'log_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "stdout" "stdout" {
  format = "ndjson"
}

pipeline "main" {
  from   = [input.tail.traces, input.tail.log_2]
  filter = [filter.parse.traces, filter.parse.log_2]
  to     = [output.stdout.stdout]
}
