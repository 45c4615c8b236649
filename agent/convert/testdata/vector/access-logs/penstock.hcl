agent {
  data_dir = "/var/lib/penstock"
}

# Shows: logs of nginx and Apache, with what goes on with their fields by the names of VRL.
input "tail" "nginx" {
  paths = ["/var/log/nginx/access.log"]
  tag   = "nginx"
  # Changed: sources.nginx: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "tail" "errors" {
  paths = ["/var/log/nginx/error.log"]
  tag   = "errors"
  # Changed: sources.errors: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "tail" "apache" {
  paths = ["/var/log/apache2/access.log"]
  tag   = "apache"
  # Changed: sources.apache: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "parse" "parse_nginx" {
  if     = "tag == 'nginx'"
  format = "nginx"
  field  = "message"
  time   = true
  # Changed: parse_nginx: . |= parse_nginx_log!(.message, "combined"): timestamp is text as in the
  # line, and what is - there is no field
}

filter "rename_fields" "parse_nginx" {
  if = "tag == 'nginx'"
  fields = {
    time        = "timestamp"
    remote_addr = "client"
    bytes       = "size"
    user_agent  = "agent"
  }
}

filter "set" "parse_nginx" {
  if = "tag == 'nginx'"
  fields = {
    request = "field.method + ' ' + field.path + ' ' + field.protocol"
  }
}

filter "drop" "parse_nginx" {
  if = "tag == 'nginx' and (field.request startsWith 'GET /health')"
}

filter "set" "parse_nginx_2" {
  if = "tag == 'nginx'"
  fields = {
    bot = "((field.agent ?? '') contains 'bot')"
  }
}

filter "parse" "parse_errors" {
  if     = "tag == 'errors'"
  format = "nginx_error"
  field  = "message"
  into   = "nginx"
  keep   = "message"
  # Changed: parse_errors: .nginx = parse_nginx_log!(.message, "error"): timestamp is text as in
  # the line, and what is - there is no field
}

filter "rename_fields" "parse_errors" {
  if = "tag == 'errors'"
  fields = {
    "nginx.time"  = "nginx.timestamp"
    "nginx.level" = "nginx.severity"
  }
}

filter "set" "parse_errors" {
  if = "tag == 'errors'"
  fields = {
    bad = "field.nginx.severity == 'crit'"
  }
}

filter "parse" "parse_apache" {
  if     = "tag == 'apache'"
  format = "apache_combined"
  field  = "message"
  time   = true
  # Changed: parse_apache: . |= parse_apache_log!(.message, "combined"): timestamp is text as in
  # the line, and what is - there is no field
}

filter "rename_fields" "parse_apache" {
  if = "tag == 'apache'"
  fields = {
    time        = "timestamp"
    remote_addr = "host"
    bytes       = "size"
    user_agent  = "agent"
    referer     = "referrer"
  }
}

filter "set" "parse_apache" {
  if = "tag == 'apache'"
  fields = {
    message = "field.method + ' ' + field.path + ' ' + field.protocol"
  }
}

filter "set" "parse_apache_2" {
  if = "tag == 'apache'"
  fields = {
    large = "field.size > 1000"
  }
}

output "kafka" "out" {
  brokers = ["kafka:9092"]
  topic   = "access"
  # Left out: sinks.out.encoding.codec = json: records go out as they are
}

pipeline "main" {
  from = [input.tail.nginx, input.tail.errors, input.tail.apache]
  filter = [
    filter.parse.message,
    filter.parse.parse_nginx,
    filter.rename_fields.parse_nginx,
    filter.set.parse_nginx,
    filter.drop.parse_nginx,
    filter.set.parse_nginx_2,
    filter.parse.parse_errors,
    filter.rename_fields.parse_errors,
    filter.set.parse_errors,
    filter.parse.parse_apache,
    filter.rename_fields.parse_apache,
    filter.set.parse_apache,
    filter.set.parse_apache_2,
  ]
  to = [output.kafka.out]
  # Changed: transforms.parse_nginx: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
  # Changed: transforms.parse_errors: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
  # Changed: transforms.parse_apache: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
}
