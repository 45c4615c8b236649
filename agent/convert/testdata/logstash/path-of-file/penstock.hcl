agent {
  data_dir = "/var/lib/penstock"
}

# Shows: conditions and fields by the path of a file, as with and without ECS.
input "tail" "file" {
  paths = ["/var/log/web/*.log"]
  tag   = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  path_header = "path"
}

filter "parse" "file" {
  if      = "tag == 'file'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "file_path" {
  if = "tag == 'file'"
  fields = {
    "log.file.path" = header.path
  }
  overwrite = false
}

filter "add_fields" "file_path_2" {
  if = "tag == 'file'"
  fields = {
    path = header.path
  }
  overwrite = false
}

input "tail" "file_2" {
  paths = ["/var/log/app/*.log"]
  tag   = "file_2"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  path_header = "path"
}

filter "parse" "file_2" {
  if      = "tag == 'file_2'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "file_2_path" {
  if = "tag == 'file_2'"
  fields = {
    "log.file.path" = header.path
  }
  overwrite = false
}

filter "add_fields" "file_2_path_2" {
  if = "tag == 'file_2'"
  fields = {
    path = header.path
  }
  overwrite = false
}

filter "add_fields" "mutate" {
  if = "string(field.path ?? '') matches 'access'"
  fields = {
    kind = "access"
  }
}

filter "parse" "grok" {
  format     = "grok"
  field      = "log.file.path"
  keep       = "log.file.path"
  pattern    = "/(?P<file>[^/]+)$"
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error, and no tag that says so
}

output "stdout" "stdout" {
  format = "ndjson"
}

output "local" "file" {
  directory   = "/var/log/all"
  path        = "${field.file}"
  compression = "none"
  format "ndjson" {}
  # Changed: file.path = /var/log/all/%{file}: files appear whole, in directories by that path,
  # when they roll
}

pipeline "main" {
  from = [input.tail.file, input.tail.file_2]
  filter = [
    filter.parse.file,
    filter.add_fields.file_path,
    filter.add_fields.file_path_2,
    filter.parse.file_2,
    filter.add_fields.file_2_path,
    filter.add_fields.file_2_path_2,
    filter.add_fields.mutate,
    filter.parse.grok,
  ]
  to = [output.local.file]
  route {
    if = "string(field.path ?? '') matches 'error'"
    to = [output.stdout.stdout]
  }
}
