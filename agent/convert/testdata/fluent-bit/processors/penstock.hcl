agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: INPUT mqtt: there is no such input; see penstock help for those there are
}

input "tail" "app" {
  paths    = ["/var/log/app.log"]
  tag      = "app"
  start_at = "end"
  multiline {
    start   = "^\\["
    timeout = "1s"
    # Changed: multiline_parser app: an event goes on until a line begins another one; the rules of
    # further states are not needed for that
  }
  # LEFT OUT: INPUT tail processors: write filters for its tag
}

filter "parse" "app" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://os-1:9200"]
  operation = "index"
  index     = "app"
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app]
  # LEFT OUT: OUTPUT loki: there is no such output; see penstock help for those there are
  to = [output.elasticsearch.elasticsearch]
}
