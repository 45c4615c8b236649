agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "nginx" {
  tag         = "nginx"
  paths       = ["/var/log/nginx/*.log"]
  path_header = "filename"
}

filter "parse" "nginx" {
  format  = "regex"
  pattern = "^(?P<ts>\\S+ \\S+) (?P<level>\\w+) (?P<text>.*)$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "time" "nginx" {
  field   = "ts"
  formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]
  zone    = "Europe/Berlin"
  # Changed: scrape_configs.pipeline_stages.timestamp: where it cannot be read, the time is that of
  # reading, not of the line before
}

filter "set" "nginx" {
  headers = {
    level = "field.level"
  }
}

filter "set" "nginx_2" {
  fields = {
    message = "field.text"
  }
  # Changed: scrape_configs.pipeline_stages.output: the record stays an object, whose message is
  # the line
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: a regular expression, a timestamp by a layout of Go, a zone, an output that penstock has
# not.
pipeline "main" {
  from   = [input.tail.nginx]
  filter = [filter.parse.nginx, filter.time.nginx, filter.set.nginx, filter.set.nginx_2]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
