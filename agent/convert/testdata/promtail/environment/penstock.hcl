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

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.set.app]
  to     = [output.stdout.nothing]
  # Shows: references to the environment, metrics and tenants, one client.
  # LEFT OUT: client http://${LOKI}/loki/api/v1/push: there is no output for Loki: write one, such
  # as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.metrics: see filters "count", "throttle" and
  # "remove_fields"
  # Left out: scrape_configs.pipeline_stages.tenant: see filters "count", "throttle" and
  # "remove_fields"
}
