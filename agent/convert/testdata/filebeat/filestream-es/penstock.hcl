agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "warn"
  }
  # Left out: setup.template.name = app: templates and life cycles are set up by others
  # Left out: setup.template.pattern = app-*: templates and life cycles are set up by others
}

# Shows: filestream with parsers, Elasticsearch with an index by day, TLS, an API key, templates.
input "tail" "app" {
  paths          = ["/var/log/app/*.json"]
  close_inactive = "1m"
  empty_lines    = "skip"
  tag            = "app"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = app: the input has a name
  # Left out: filebeat.inputs.parsers.ndjson.add_error_key = true: what cannot be parsed passes as
  # it is: see on_failure
}

filter "parse" "app" {
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

output "elasticsearch" "elasticsearch" {
  urls    = ["https://es-1:9200", "https://es-2:9200"]
  index   = "app-${field.service}-${strftime("%Y.%m.%d")}"
  api_key = env("API_KEY")
  tls {
    insecure_skip_verify = true
  }
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app]
  to     = [output.elasticsearch.elasticsearch]
}
