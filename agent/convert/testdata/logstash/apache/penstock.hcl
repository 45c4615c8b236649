agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the example of Logstash's documentation: grok, mutate, date, conditions on the type and on
# tags.
# both of Apache's logs
input "tail" "file" {
  paths = ["/tmp/*_log"]
  tag   = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  # Left out: file.sincedb_path = /dev/null: positions are kept below data_dir: see penstock
  # import-positions
}

filter "parse" "file" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "set" "branch_1" {
  if = "string(field.message ?? '') matches '\\\\[error\\\\]' and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "set" "branch_1_2" {
  if = "header.branch_1 == nil"
  headers = {
    branch_1 = "'2'"
  }
}

filter "add_fields" "mutate" {
  if = "header.branch_1 == '1'"
  fields = {
    type = "apache_error"
  }
}

filter "add_fields" "mutate_2" {
  if = "header.branch_1 == '2'"
  fields = {
    type = "apache_access"
  }
}

filter "parse" "grok" {
  if = "header.branch_1 == '2'"
  # Its fields have the names of the Elastic Common Schema.
  format     = "grok"
  field      = "message"
  keep       = "message"
  pattern    = "%%{COMBINEDAPACHELOG}"
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "rename_fields" "grok" {
  if = "header.branch_1 == '2'"
  fields = {
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

filter "time" "date" {
  if      = "header.branch_1 == '2'"
  field   = "timestamp"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://localhost:9200"]
  index     = "logstash-${strftime("%Y.%m.%d")}"
  operation = "index"
}

output "stdout" "stdout" {
  format = "ndjson"
  # Changed: stdout.codec = rubydebug: records go out as JSON
}

pipeline "main" {
  from = [input.tail.file]
  filter = [
    filter.parse.file,
    filter.set.branch_1,
    filter.set.branch_1_2,
    filter.add_fields.mutate,
    filter.add_fields.mutate_2,
    filter.parse.grok,
    filter.rename_fields.grok,
    filter.time.date,
  ]
  to = [output.elasticsearch.elasticsearch, output.stdout.stdout]
}
