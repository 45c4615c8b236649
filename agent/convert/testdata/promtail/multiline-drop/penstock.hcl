agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "java" {
  tag         = "java"
  paths       = ["/var/log/java.log"]
  path_header = "filename"
  multiline {
    start     = "^\\d{4}-"
    timeout   = "3s"
    max_lines = 500
    # Changed: scrape_configs.pipeline_stages.multiline: lines before the first event are one, too,
    # and empty ones behind a full event are a record
  }
}

filter "drop" "java" {
  if = "value matches '.*DEBUG.*'"
}

filter "drop" "java_2" {
  if = "len(value) > 8192"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: events of several lines, drops by expression, value, length and age.
pipeline "main" {
  from   = [input.tail.java]
  filter = [filter.drop.java, filter.drop.java_2]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.drop.older_than = 24h: old records pass: how old one
  # is depends on when it is delivered
}
