agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app.json"]
  path_header = "filename"
}

filter "parse" "app" {
  format = "json"
}

filter "set" "app" {
  fields = {
    level = "field.severity"
    ts    = "field.time"
    user  = "field.ctx.user"
    inner = "field.payload"
  }
}

filter "parse" "app_2" {
  format     = "json"
  if         = "field.payload != nil"
  field      = "inner"
  keep       = "inner"
  into       = "promtail_json"
  on_failure = "discard"
}

filter "set" "app_2" {
  fields = {
    code = "field.promtail_json.code"
    text = "field.promtail_json.message"
  }
}

filter "remove_fields" "app" {
  fields = ["promtail_json"]
}

filter "set" "app_3" {
  headers = {
    level = "field.severity"
    who   = "field.ctx.user"
    code  = "field.code"
  }
}

filter "time" "app" {
  field   = "ts"
  formats = ["iso8601"]
}

filter "set" "app_4" {
  fields = {
    level2 = "upper((field.severity == nil ? nil : string(field.severity)))"
  }
}

filter "set" "app_5" {
  fields = {
    none = "(string(field.ctx.user ?? '') != '' ? string(field.ctx.user ?? '<no value>') + '/' + string(field.code ?? '<no value>') : '')"
  }
}

filter "set" "app_6" {
  fields = {
    who2 = "(string(field.ctx.user ?? '') == 'root' ? string(field.ctx.user ?? '<no value>') : '')"
  }
}

filter "set" "app_7" {
  headers = {
    level2 = "field.level2 == '' ? nil : field.level2"
    none   = "field.none == '' ? nil : field.none"
    who2   = "field.who2 == '' ? nil : field.who2"
  }
}

filter "set" "app_8" {
  fields = {
    message = "(field.text == nil ? nil : string(field.text))"
  }
  # Changed: scrape_configs.pipeline_stages.output: the record stays an object, whose message is
  # the line
}

filter "set" "app_9" {
  fields = {
    message = "(field.took == nil ? nil : string(field.took))"
  }
  # Changed: scrape_configs.pipeline_stages.output: the record stays an object, whose message is
  # the line
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: JSON with names that are not there, within a field, that is none; labels, templates, times
# and lines of what is missing.
pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.app,
    filter.set.app,
    filter.parse.app_2,
    filter.set.app_2,
    filter.remove_fields.app,
    filter.set.app_3,
    filter.time.app,
    filter.set.app_4,
    filter.set.app_5,
    filter.set.app_6,
    filter.set.app_7,
    filter.set.app_8,
    filter.set.app_9,
  ]
  to = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.labels.other: nothing of this name is taken out before
  # it: it does nothing
  # Left out: scrape_configs.pipeline_stages.tenant: nothing of this name is taken out before it:
  # it does nothing
}
