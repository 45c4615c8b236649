agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app.json"]
  path_header = "filename"
}

filter "set" "app" {
  headers = {
    job = "'app'"
  }
}

filter "parse" "app" {
  format = "json"
}

filter "set" "app_2" {
  fields = {
    ts      = "field.time"
    user    = "field.ctx.user"
    project = "field['attrs']['com.docker.compose.project']"
  }
}

filter "time" "app" {
  field   = "ts"
  formats = ["iso8601"]
  # Changed: scrape_configs.pipeline_stages.timestamp: where it cannot be read, the time is that of
  # reading, not of the line before
}

filter "set" "app_3" {
  headers = {
    level   = "field.level"
    who     = "field.ctx.user"
    project = "field['attrs']['com.docker.compose.project']"
  }
}

filter "set" "app_4" {
  headers = {
    env = "'prod'"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: JSON with renamed fields, a timestamp, labels, static labels.
pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.set.app,
    filter.parse.app,
    filter.set.app_2,
    filter.time.app,
    filter.set.app_3,
    filter.set.app_4,
  ]
  to = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
