agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a route with two lanes and what matches none, a condition of VRL with functions.
input "tcp" "in" {
  listen = "0.0.0.0:9000"
  tag    = "in"
  # Changed: sources.in: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "set" "parse" {
  fields = {
    vector_text = "field.message"
  }
}

filter "parse" "parse" {
  format = "logfmt"
  field  = "vector_text"
}

filter "remove_fields" "parse" {
  fields = ["vector_text"]
}

output "http" "errors" {
  url         = "https://alerts.example.org/in"
  format      = "json"
  token       = "hunter2"
  compression = "none"
}

output "file" "web" {
  path   = "/var/log/web.log"
  format = "ndjson"
}

output "stdout" "rest" {
  format = "ndjson"
}

pipeline "main" {
  from = [input.tcp.in]
  filter = [
    filter.parse.message,
    filter.set.parse,
    filter.parse.parse,
    filter.remove_fields.parse,
  ]
  # Changed: transforms.parse: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  route {
    if = "field.level == 'error' or (field.message startsWith 'panic')"
    to = [output.http.errors]
  }
  route {
    if = "(field.path matches '^/web/') and (field.user != nil or 'user' in field)"
    to = [output.file.web]
  }
  route {
    if = "not (field.level == 'error' or (field.message startsWith 'panic')) and not ((field.path matches '^/web/') and (field.user != nil or 'user' in field))"
    to = [output.stdout.rest]
  }
}
