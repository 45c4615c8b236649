agent {
  data_dir = "/var/lib/penstock"
}

# Shows: else if, nested conditions, not in, regular expressions, numbers, fields that are there.
input "stdin" "stdin" {
  tag = "stdin"
  # Changed: stdin: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "stdin" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "json" {
  format     = "json"
  field      = "message"
  keep       = "message"
  on_failure = "mark"
  # Changed: json: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "add_fields" "mutate" {
  if = "field.status >= 500 and field.status < 600"
  fields = {
    class = "server"
  }
}

filter "add_fields" "mutate_2" {
  if = "field.status >= 500 and field.status < 600 and not (string(field.path ?? '') matches '^\\\\/health')"
  fields = {
    alert = "yes"
  }
}

filter "add_fields" "mutate_3" {
  if = "not (field.status >= 500 and field.status < 600) and field.status >= 400"
  fields = {
    class = "client"
  }
}

filter "add_fields" "mutate_4" {
  if = "not (field.status >= 500 and field.status < 600) and not (field.status >= 400) and (not (field.kind in ['a', 'b']) or not ((field.user.name != nil)))"
  fields = {
    class = "odd"
  }
}

filter "add_fields" "mutate_5" {
  if = "not (field.status >= 500 and field.status < 600) and not (field.status >= 400) and not (not (field.kind in ['a', 'b']) or not ((field.user.name != nil)))"
  fields = {
    class = "fine"
  }
}

output "stdout" "stdout" {
  format = "ndjson"
}

pipeline "main" {
  from = [input.stdin.stdin]
  filter = [
    filter.parse.stdin,
    filter.parse.json,
    filter.add_fields.mutate,
    filter.add_fields.mutate_2,
    filter.add_fields.mutate_3,
    filter.add_fields.mutate_4,
    filter.add_fields.mutate_5,
  ]
  to = [output.stdout.stdout]
}
