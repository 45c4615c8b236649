# Shows: inputs, filters, outputs, conditions and patterns that penstock has not.
agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: jdbc: there is no such input; see penstock help for those there are
  # LEFT OUT: kafka: a pipeline reads Kafka or a buffer: write input "kafka" with a pipeline of its
  # own
}

input "tail" "file" {
  paths    = ["/var/log/x.log"]
  start_at = "end"
  tag      = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "file" {
  if      = "tag == 'file'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.file]
  filter = [filter.parse.file]
  to     = [output.stdout.nothing]
  # LEFT OUT: ruby: write filter "set" with expressions, or "wasm"
  # LEFT OUT: aggregate: nothing is put together of several records, but lines by filter "multiline"
  # LEFT OUT: grok.match.message %{MINE:a_b}: there is no pattern %{MINE}; define it under
  # definitions
  # Left out: grok.patterns_dir = /etc/patterns: penstock has nothing of this name here
  # Left out: geoip: write filter "lookup" with a database of MaxMind's, *.mmdb, as its table
  # LEFT OUT: if [ message ] =~ "(?!x)": RE2 has it not: error parsing regexp: invalid or
  # unsupported Perl syntax: `(?!`; write the condition of what is in it
  # LEFT OUT: redis: there is no such output; see penstock help for those there are
  # LEFT OUT: tcp: there is no such output; see penstock help for those there are
}
