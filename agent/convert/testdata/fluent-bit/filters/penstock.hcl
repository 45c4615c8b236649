agent {
  data_dir = "/var/lib/penstock"
}

# Shows: grep, modify, record_modifier, nest and lift, parser with reserve_data, kubernetes, lua.
input "tcp" "tcp" {
  listen = "0.0.0.0:5170"
  tag    = "in"
}

filter "drop" "grep" {
  if = "type(field.path) == 'string' and field.path matches '^/health'"
}

filter "add_fields" "modify" {
  if = "tag == 'in'"
  fields = {
    service = "web"
  }
  overwrite = false
}

filter "add_fields" "modify_2" {
  if = "tag == 'in'"
  fields = {
    stage = env("STAGE")
  }
}

filter "rename_fields" "modify" {
  if = "tag == 'in'"
  fields = {
    msg = "message"
  }
  overwrite = false
}

filter "remove_fields" "modify" {
  if     = "tag == 'in'"
  fields = ["password"]
}

filter "add_fields" "record_modifier" {
  if = "tag == 'in'"
  fields = {
    host = "web-1"
  }
}

filter "remove_fields" "record_modifier" {
  if     = "tag == 'in'"
  fields = ["secret"]
}

filter "parse" "parser" {
  if      = "tag == 'in'"
  format  = "regex"
  field   = "message"
  pattern = "^(?P<level>[A-Z]+) (?P<text>.*)$"
}

filter "nest" "nest" {
  if     = "tag == 'in'"
  prefix = "http_"
  into   = "http"
}

filter "flatten" "nest" {
  if        = "tag == 'in'"
  field     = "ctx"
  separator = "_"
  # Changed: FILTER nest lift ctx: objects within it come to the top as well, by names such as
  # ctx_NAME_OTHER
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from = [input.tcp.tcp]
  filter = [
    filter.drop.grep,
    filter.add_fields.modify,
    filter.add_fields.modify_2,
    filter.rename_fields.modify,
    filter.remove_fields.modify,
    filter.add_fields.record_modifier,
    filter.remove_fields.record_modifier,
    filter.parse.parser,
    filter.nest.nest,
    filter.flatten.nest,
  ]
  # Left out: FILTER kubernetes: write container = true and a kubernetes block in input "tail":
  # labels, annotations and the pod come as headers
  # LEFT OUT: FILTER lua: code of one's own does not run here; see filter "set" and penstock help
  # expressions
  to = [output.stdout.stdout]
}
