agent {
  data_dir = "/var/lib/penstock"
}

# Shows: sinks that see different forms of the same events, a filter on one branch, Lua.
input "tail" "in" {
  paths = ["/var/log/in.log"]
  tag   = "in"
  # Changed: sources.in: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "parse" "parsed" {
  format = "json"
  field  = "message"
}

output "s3" "raw" {
  bucket      = "raw"
  region      = "eu-central-1"
  path        = "date=${strftime("%Y-%m-%d")}"
  compression = "gzip"
  format "raw" {}
  roll {
    age = "5m"
  }
  # LEFT OUT: sinks.raw.encoding.codec = text: records are objects and go out whole, not their
  # message alone: have a pipeline of its own, without what makes objects of lines
}

output "s3" "all" {
  bucket      = "all"
  path        = "${field.service}/${strftime("%Y-%m-%d")}"
  compression = "none"
  format "ndjson" {}
  roll {
    age = "5m"
  }
}

output "stdout" "alerts" {
  format = "ndjson"
}

pipeline "main" {
  from   = [input.tail.in]
  filter = [filter.parse.message, filter.parse.parsed]
  to     = [output.s3.raw, output.s3.all]
  # LEFT OUT: transforms.parsed: all outputs get the events as it makes them: some got them without
  # it
  # Changed: transforms.parsed: where a function with ! fails, Vector lets the event pass as it
  # came in; here the filters behind go on with it
  # LEFT OUT: transforms.script: there is no such filter; see penstock help for those there are
  route {
    if = "field.level == 'error'"
    to = [output.stdout.alerts]
  }
}
