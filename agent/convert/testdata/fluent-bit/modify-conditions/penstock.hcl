agent {
  data_dir = "/var/lib/penstock"
}

# Shows: conditions of modify, of several kinds, together and one by one.
input "tail" "app" {
  paths = ["/var/log/app.log"]
  tag   = "app"
}

filter "parse" "app" {
  formats = ["json", "regex"]
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "modify" {
  if = "tag == 'app' and field.level == 'debug' and field.msg != nil"
  fields = {
    keep = "no"
  }
}

filter "add_fields" "modify_2" {
  if = "tag == 'app' and field.level == 'debug' and field.msg != nil"
  fields = {
    extra = "yes"
  }
  overwrite = false
}

filter "add_fields" "modify_3" {
  if = "tag == 'app' and field.user == nil"
  fields = {
    user = "nobody"
  }
}

filter "rename_fields" "modify" {
  if = "tag == 'app' and (type(field.msg) in ['string', 'bool'] and string(field.msg) matches '^slow')"
  fields = {
    ms = "slow_ms"
  }
  overwrite = false
}

filter "add_fields" "modify_4" {
  if = "tag == 'app' and (field.level != nil and field.level != 'info') and (field.msg != nil and not (type(field.msg) in ['string', 'bool'] and string(field.msg) matches 'fine$'))"
  fields = {
    odd = "true"
  }
}

output "stdout" "stdout" {
  format = "full"
  # Changed: format json_lines: lines are JSON, with time and tag
  # Left out: json_date_key false: penstock has nothing of this name here
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.app,
    filter.add_fields.modify,
    filter.add_fields.modify_2,
    filter.add_fields.modify_3,
    filter.rename_fields.modify,
    filter.add_fields.modify_4,
  ]
  route {
    match = ["app"]
    to    = [output.stdout.stdout]
  }
}
