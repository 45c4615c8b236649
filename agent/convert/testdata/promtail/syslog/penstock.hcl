agent {
  data_dir = "/var/lib/penstock"
}

input "syslog" "syslog" {
  tag          = "syslog"
  listen       = ["tcp://0.0.0.0:1514"]
  idle_timeout = "1m"
}

filter "set" "syslog" {
  if = "tag == 'syslog'"
  headers = {
    job = "'syslog'"
  }
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app.log"]
  path_header = "filename"
}

filter "replace" "app" {
  if      = "tag == 'app'"
  pattern = "(password=)(?:\\S+)"
  with    = "$${1}***"
}

filter "parse" "app" {
  if     = "tag == 'app'"
  format = "logfmt"
  keep   = "message"
  # Changed: scrape_configs.pipeline_stages.logfmt: the record becomes an object with what is taken
  # out, and the line as message
}

filter "set" "app" {
  if = "tag == 'app'"
  headers = {
    level = "field.level"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: syslog, several jobs, logfmt, a replacement.
pipeline "main" {
  from   = [input.syslog.syslog, input.tail.app]
  filter = [filter.set.syslog, filter.replace.app, filter.parse.app, filter.set.app]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
