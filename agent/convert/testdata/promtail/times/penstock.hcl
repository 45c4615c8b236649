agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app/*.log"]
  path_header = "filename"
}

filter "parse" "app" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<ts>\\S+) (?P<msg>.*)$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "time" "app" {
  if      = "tag == 'app'"
  field   = "ts"
  formats = ["iso8601", "epoch_ms", "%Y-%m-%d"]
}

input "syslog" "syslog" {
  tag    = "syslog"
  listen = ["tcp://0.0.0.0:1514"]
  # LEFT OUT: scrape_configs.syslog.tls_config: write tls { }, with cert_file and key_file: it
  # listens without now
}

filter "drop" "syslog" {
  if = "tag == 'syslog' and (field.hostname ?? '') matches '^(?:noisy)$'"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: times in one of several formats, relabeling that leaves targets out, TLS of a listener
# that is not carried over.
pipeline "main" {
  from   = [input.tail.app, input.syslog.syslog]
  filter = [filter.parse.app, filter.time.app, filter.drop.syslog]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
