agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app.log"]
  path_header = "filename"
  multiline {
    start     = "^\\["
    timeout   = "1s"
    max_lines = 4
    # Changed: scrape_configs.pipeline_stages.multiline: lines before the first event are one, too,
    # and empty ones behind a full event are a record
  }
}

filter "parse" "app" {
  format  = "regex"
  pattern = "^\\[(?P<level>\\w+)\\] (?s:(?P<message>.*))$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "set" "app" {
  headers = {
    level = "field.level"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: events of several lines with empty ones among them, lines before the first event, a limit
# that cuts, labels of the whole event.
pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app, filter.set.app]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
