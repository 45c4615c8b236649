agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "a" {
  paths    = ["/var/log/a.log"]
  tag      = "a"
  start_at = "end"
  multiline {
    start = "^\\d{4}-\\d{2}-\\d{2}"
    # Shows: a multiline parser of one's own, the old multiline mode, the ready-made ones for stack
    # traces.
    continue = "^\\s+at"
    # Changed: multiline_parser app: a line that goes on with an event also does so with a line
    # that begins none
    timeout = "2s"
    # Changed: multiline.parser app: an event does not end with a newline, as there
  }
}

filter "parse" "a" {
  if      = "tag == 'a'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

input "tail" "b" {
  paths    = ["/var/log/b.log"]
  tag      = "b"
  start_at = "end"
  multiline {
    start   = "(?s)^(?P<time>\\d{4}-\\d{2}-\\d{2}) (?P<message>.*)"
    timeout = "5s"
  }
}

filter "parse" "b" {
  if       = "tag == 'b'"
  format   = "regex"
  patterns = ["(?m)(?s)^(?P<time>\\d{4}-\\d{2}-\\d{2}) (?P<message>.*)", "^(?P<log>(?s:.*))$"]
}

input "tail" "c" {
  paths    = ["/var/log/c.log"]
  tag      = "c"
  start_at = "end"
  multiline {
    presets = ["java"]
  }
  # Changed: multiline.parser java: an event does not end with a newline, as there
}

filter "parse" "c" {
  if      = "tag == 'c'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from   = [input.tail.a, input.tail.b, input.tail.c]
  filter = [filter.parse.a, filter.parse.b, filter.parse.c]
  to     = [output.stdout.stdout]
}
