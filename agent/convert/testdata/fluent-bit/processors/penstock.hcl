agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: INPUT mqtt: there is no such input; see penstock help for those there are
}

input "tail" "app" {
  paths    = ["/var/log/app.log"]
  tag      = "app"
  start_at = "end"
  # Shows: processors, multiline parsers in YAML, opensearch, what cannot be had.
  multiline {
    start    = "^\\["
    continue = "^ "
    # Changed: multiline_parser app: a line that goes on with an event also does so with a line
    # that begins none
    timeout = "1s"
    # Changed: multiline.parser app: an event does not end with a newline, as there
  }
}

filter "parse" "app" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "insert" {
  if = "tag == 'app'"
  fields = {
    a = "b"
  }
  overwrite = false
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://os-1:9200"]
  operation = "index"
  index     = "app"
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app, filter.add_fields.insert]
  # LEFT OUT: OUTPUT loki: there is no such output; see penstock help for those there are
  to = [output.elasticsearch.elasticsearch]
}
