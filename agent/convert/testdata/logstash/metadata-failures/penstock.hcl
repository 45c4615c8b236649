agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a topic from @metadata, tags of what could not be parsed, of one's own too, TLS that is
# not carried over and users of inputs.
input "tail" "file" {
  paths = ["/var/log/app/*.log"]
  tag   = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "file" {
  if      = "tag == 'file'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "http" "http" {
  listen = "0.0.0.0:8080"
  auth {
    user "me" {
      password = "secret"
    }
  }
  tag = "http"
}

input "tcp" "tcp" {
  listen = "0.0.0.0:5000"
  # LEFT OUT: tcp.ssl: write tls { }, with cert_file and key_file: it listens without now
  tag = "tcp"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "tcp" {
  if      = "tag == 'tcp'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "grok" {
  format     = "grok"
  field      = "message"
  keep       = "message"
  pattern    = "%%{LOGLEVEL:level} %%{GREEDYDATA:msg}"
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error as well
}

filter "set" "grok_failed" {
  if = "header.parse_error != nil"
  fields = {
    tags = "uniq(concat(field.tags ?? [], ['bad']))"
  }
  headers = {
    parse_error = "'bad'"
  }
}

filter "drop" "drop" {
  if = "'bad' in (field.tags ?? [])"
}

filter "add_fields" "mutate" {
  fields = {
    "@metadata.topic" = "t-${field.level}"
  }
}

filter "add_fields" "mutate_2" {
  if = "not ('_grokparsefailure' in (field.tags ?? []))"
  fields = {
    good = "1"
  }
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  topic   = "${field["@metadata"].topic}"
  # Changed: kafka: @metadata is a field like others, and goes out with them
}

pipeline "main" {
  from = [input.tail.file, input.http.http, input.tcp.tcp]
  filter = [
    filter.parse.file,
    filter.parse.tcp,
    filter.parse.grok,
    filter.set.grok_failed,
    filter.drop.drop,
    filter.add_fields.mutate,
    filter.add_fields.mutate_2,
  ]
  to = [output.kafka.kafka]
}
