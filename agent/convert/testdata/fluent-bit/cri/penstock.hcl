agent {
  data_dir = "/var/lib/penstock"
}

# Shows: container logs as the runtime writes them, joined and without TLS, a parser behind it.
input "tail" "kube" {
  paths     = ["/var/log/containers/*.log"]
  tag       = "kube.${path_dots}"
  container = true
  # Changed: multiline.parser cri: the time that the runtime has written is the record's, not a
  # field
  path_header = "path"
}

filter "parse" "kube" {
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  fields = {
    stream = header.stream
  }
}

filter "add_fields" "file" {
  fields = {
    file = header.path
  }
}

filter "parse" "parser" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  format  = "regex"
  field   = "log"
  pattern = "(?m)^(?P<level>[A-Z]+) (?P<text>.*)$"
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from = [input.tail.kube]
  filter = [
    filter.parse.kube,
    filter.add_fields.stream,
    filter.add_fields.file,
    filter.parse.parser,
  ]
  to = [output.stdout.stdout]
}
