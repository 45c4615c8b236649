agent {
  data_dir = "/var/lib/penstock"
}

# Shows: grok by patterns whose fields stand in objects, and what asks for these.
input "tail" "file" {
  paths = ["/var/log/access.log"]
  tag   = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "file" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "grok" {
  # Its fields have the names of the Elastic Common Schema.
  format     = "grok"
  field      = "message"
  keep       = "message"
  patterns   = ["%%{COMBINEDAPACHELOG}", "%%{WORD:a.b} %%{INT:own_n:int}"]
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "rename_fields" "grok" {
  fields = {
    own_n                               = "own.n"
    "source\\.address"                  = "source.address"
    "apache\\.access\\.user\\.identity" = "apache.access.user.identity"
    "user\\.name"                       = "user.name"
    "http\\.request\\.method"           = "http.request.method"
    "url\\.original"                    = "url.original"
    "http\\.version"                    = "http.version"
    "http\\.response\\.status_code"     = "http.response.status_code"
    "http\\.response\\.body\\.size"     = "http.response.body.bytes"
    "http\\.request\\.referrer"         = "http.request.referrer"
    "user_agent\\.original"             = "user_agent.original"
  }
}

filter "add_fields" "mutate" {
  if = "field.http.response.status_code >= 500"
  fields = {
    severity = "high"
  }
}

filter "rename_fields" "mutate" {
  fields = {
    "source.address" = "client"
  }
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "access"
}

pipeline "main" {
  from = [input.tail.file]
  filter = [
    filter.parse.file,
    filter.parse.grok,
    filter.rename_fields.grok,
    filter.add_fields.mutate,
    filter.rename_fields.mutate,
  ]
  to = [output.kafka.kafka]
}
