agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/web.log"]
  path_header = "filename"
}

filter "set" "app" {
  headers = {
    app = "'web'"
  }
}

filter "set" "app_2" {
  if = "(header['app'] ?? '') == 'web' and value contains 'panic'"
  headers = {
    severity = "'high'"
  }
}

filter "drop" "app" {
  if = "(header['app'] ?? '') matches '^(?:web|api)$' and value matches 'health.*ok' and not (value contains 'keep')"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: match stages with selectors, line filters, nested stages, a drop.
pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.set.app, filter.set.app_2, filter.drop.app]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
