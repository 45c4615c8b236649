agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "cri" {
  tag         = "cri"
  paths       = ["/var/log/pods/ns_pod_uid/c/0.log"]
  path_header = "filename"
  container   = true
  # Changed: scrape_configs.pipeline_stages.cri: lines that were cut are put together, with the
  # time of their beginning, and have no line end; what has no time stays as it is; containers have
  # headers of their own
}

filter "parse" "cri" {
  format  = "regex"
  pattern = "^(?P<level>[A-Z]+) (?P<rest>.*)$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "set" "cri" {
  headers = {
    level = "field.level"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: lines of a container runtime: streams, parts of lines, empty lines, what is none; stages
# behind them.
pipeline "main" {
  from   = [input.tail.cri]
  filter = [filter.parse.cri, filter.set.cri]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
