agent {
  data_dir = "/var/lib/penstock"
  # Shows: multiline by continuation with a flush time, in a filestream; continuation before, which
  # penstock has not.
}

input "tail" "traces" {
  paths = ["/var/log/traces.log"]
  multiline {
    continue  = "^[[:space:]]+(at|\\.{3})"
    max_lines = 200
    timeout   = "10s"
  }
  tag = "traces"
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
    start = "\\\\$"
    # LEFT OUT: filebeat.inputs.multiline.match = before: an event begins with start, or goes on
    # with continue
  }
  tag = "log_2"
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
