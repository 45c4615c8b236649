agent {
  data_dir = "/var/lib/penstock"
}

# Shows: processors of an input and an output: content_modifier, sql, a filter, a condition; what
# is of metrics.
input "tail" "app" {
  paths = ["/var/log/app.log"]
  tag   = "app"
}

filter "parse" "app" {
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "insert" {
  fields = {
    team = "blue"
  }
  overwrite = false
}

filter "add_fields" "upsert" {
  fields = {
    stage = "prod"
  }
}

filter "rename_fields" "rename" {
  fields = {
    msg = "text"
  }
}

filter "remove_fields" "delete" {
  fields = ["secret"]
}

filter "hash" "hash" {
  fields = ["user"]
  into   = "user"
}

filter "parse" "extract" {
  if      = "field.request matches '^[A-Z]+ /'"
  format  = "regex"
  pattern = "^(?P<method>\\w+) (?P<path>\\S+)"
  field   = "request"
  keep    = "request"
}

filter "convert" "convert" {
  if = "((field.status != nil and not (field.status in ['none', '-'])) or field.team == 'red')"
  types = {
    status = "int"
  }
}

filter "drop" "grep" {
  if = "type(field.text) == 'string' and field.text matches '^debug'"
}

filter "where" "sql" {
  condition = "field.status >= 400 or field.text == 'it\\'s'"
}

filter "rename_fields" "sql" {
  fields = {
    user = "who"
  }
}

filter "keep_fields" "sql" {
  fields = ["text", "team", "stage", "who", "method", "path", "status"]
}

output "stdout" "stdout" {
  format = "full"
  # Changed: format json_lines: lines are JSON, with time and tag
  # Left out: json_date_key false: penstock has nothing of this name here
}

filter "add_fields" "upsert_2" {
  fields = {
    sent = "yes"
  }
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.app,
    filter.add_fields.insert,
    filter.add_fields.upsert,
    filter.rename_fields.rename,
    filter.remove_fields.delete,
    filter.hash.hash,
    filter.parse.extract,
    filter.convert.convert,
    filter.drop.grep,
    filter.where.sql,
    filter.rename_fields.sql,
    filter.keep_fields.sql,
    filter.add_fields.upsert_2,
  ]
  # Left out: PROCESSOR labels: it is of metrics; penstock takes logs
  # Left out: PROCESSOR content_modifier insert a: records are their bodies alone
  to = [output.stdout.stdout]
}
