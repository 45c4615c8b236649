agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["${env("LOGS", "/var/log")}/app.log"]
  path_header = "filename"
}

filter "set" "app" {
  headers = {
    host = "agent"
  }
}

filter "set" "app_2" {
  headers = {
    tenant = "'me'"
  }
  # Changed: scrape_configs.pipeline_stages.tenant: it is a header, which a topic or a route may
  # name
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.set.app, filter.set.app_2]
  to     = [output.stdout.nothing]
  # Shows: references to the environment, metrics and tenants, one client.
  # LEFT OUT: client http://${LOKI}/loki/api/v1/push: there is no output for Loki: write one, such
  # as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.metrics: see filter "count": counters and histograms
  # on /metrics
}
