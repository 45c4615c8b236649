# A web server: access logs become typed JSON with their own times, without health checks and addresses of
# visitors; requests that failed go to a file of their own as well, and all are counted on /metrics.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "nginx" {
  paths = ["/var/log/app/access.log"]
  tag   = "nginx.access"
}

output "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topic   = "app-logs"
}

output "file" "failed" {
  path = "/var/lib/penstock/failed.log"
}

# With a name, a filter can be used in several pipelines. Of a line that is not nginx's
# this one looks at all.
filter "redact" "visitors" {
  fields  = ["remote_addr"]
  presets = ["ipv6", "ipv4"]
  method  = "hash"
  key     = env("VISITORS_KEY")
}

pipeline "access" {
  from = [input.tail.nginx]

  # Filters work in the order in which they are written.
  filter "parse" {
    format     = "nginx"
    time       = true
    on_failure = "mark" # with a header; a line that is not nginx's goes on as text
  }
  filter "drop" {
    if = "field.path in ['/healthz', '/readyz']"
  }
  filter = [filter.redact.visitors]
  filter "set" {
    fields = { class = "string(int(field.status / 100)) + 'xx'" }
    if     = "field.status != nil"
  }
  filter "count" {
    name   = "http_requests_total"
    labels = { class = "field.class", method = "field.method" }
  }

  to = [output.kafka.events]
  route {
    if = "field.status >= 500"
    to = [output.file.failed]
  }
}
