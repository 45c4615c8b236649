agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "app" {
  tag         = "app"
  paths       = ["/var/log/app.log"]
  path_header = "filename"
}

filter "replace" "app" {
  pattern = "(token=)(?:\\S+)"
  with    = "$${1}$$tok"
}

filter "replace" "app_2" {
  pattern = "(?:\\d{4}-\\d{4})"
  with    = "CARD"
  # Left out: scrape_configs.pipeline_stages.replace ?P<card>: what a group is replaced by is no
  # field: write filter "set" for it
}

filter "replace" "app_3" {
  pattern = "(drop)(?: me)"
  with    = "$${1}"
}

filter "parse" "app" {
  format  = "regex"
  pattern = "^(?P<level>\\w+) (?P<rest>.*)$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "replace" "app_4" {
  field   = "rest"
  pattern = "(^)(?:\\w)"
  with    = "$${1}_"
}

filter "replace" "app_5" {
  field   = "nothing"
  pattern = "(?:x)"
  with    = "other"
}

filter "set" "app" {
  fields = {
    new = "'[' + lower((field.level ?? '<no value>')) + '] ' + (field.rest ?? '<no value>') + ' (' + (field.message ?? value) + ')'"
  }
}

filter "set" "app_2" {
  headers = {
    level  = "field.level"
    absent = "field.absent"
  }
}

filter "set" "app_3" {
  fields = {
    message = "field.new"
  }
  # Changed: scrape_configs.pipeline_stages.output: the record stays an object, whose message is
  # the line
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: what replace replaces: nothing without a group, only the group, groups with names, of a
# field; stages of what is not there.
pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.replace.app,
    filter.replace.app_2,
    filter.replace.app_3,
    filter.parse.app,
    filter.replace.app_4,
    filter.replace.app_5,
    filter.set.app,
    filter.set.app_2,
    filter.set.app_3,
  ]
  to = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.replace: only groups are replaced, and it has none: it
  # does nothing
}
