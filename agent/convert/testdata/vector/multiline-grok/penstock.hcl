agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multiline events, grok and regular expressions, parsing into a field, journald.
input "tail" "java" {
  paths         = ["/var/log/java/*.log"]
  max_line_size = "64KiB"
  long_lines    = "skip"
  path_header   = "path"
  # Changed: sources.java.file_key = path: the path is a header
  multiline {
    start   = "^\\d{4}-"
    timeout = "1s"
  }
  tag = "java"
  # Changed: sources.java: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "journald" "journal" {
  units = ["sshd", "nginx"]
  from  = "beginning"
  tag   = "journal"
  # Changed: sources.journal: what Vector adds (timestamp, source_type, host, file ...) is no
  # field: write filter "add_fields"
}

filter "rename_fields" "journald" {
  if = "tag == 'journal'"
  fields = {
    MESSAGE = "message"
  }
}

filter "parse" "message" {
  if      = "tag == 'java'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "parse" "java_fields" {
  if       = "tag == 'java'"
  format   = "grok"
  field    = "message"
  patterns = ["%%{TIMESTAMP_ISO8601:ts} %%{LOGLEVEL:level} %%{GREEDYDATA:text}"]
  into     = "java"
  keep     = "message"
}

filter "parse" "java_fields_2" {
  if      = "tag == 'java'"
  format  = "regex"
  field   = "message"
  pattern = "thread=(?P<thread>\\w+)"
  keep    = "message"
}

output "elasticsearch" "es" {
  urls     = ["https://es:9200"]
  index    = "logs-${field.java.level}"
  user     = "vector"
  password = env("ES_PASSWORD")
  tls {
    insecure_skip_verify = true
  }
}

pipeline "main" {
  from = [input.tail.java, input.journald.journal]
  filter = [
    filter.rename_fields.journald,
    filter.parse.message,
    filter.parse.java_fields,
    filter.parse.java_fields_2,
  ]
  to = [output.elasticsearch.es]
  # Changed: transforms.java_fields: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
}
