agent {
  data_dir = "/var/lib/penstock"
  # Shows: file to remap with an Apache parser, sample, Elasticsearch and S3, as in Vector's
  # introduction; comments.
  # Left out: data_dir = /var/lib/vector: see agent.data_dir
}

# Ingest by tailing one or more files.
input "tail" "apache_logs" {
  paths        = ["/var/log/apache2/*.log"]
  ignore_older = "1d"
  tag          = "apache_logs"
  # Changed: sources.apache_logs: what Vector adds (timestamp, source_type, host, file ...) is no
  # field: write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

# Structure and parse via VRL.
filter "parse" "apache_parser" {
  format = "apache_combined"
  field  = "message"
  time   = true
  # Changed: apache_parser: . = parse_apache_log!(.message, format: "combined"): timestamp is text
  # as in the line, and what is - there is no field
}

filter "rename_fields" "apache_parser" {
  fields = {
    time        = "timestamp"
    remote_addr = "host"
    bytes       = "size"
    user_agent  = "agent"
    referer     = "referrer"
  }
}

filter "set" "apache_parser" {
  fields = {
    message = "field.method + ' ' + field.path + ' ' + field.protocol"
  }
}

# Sample the data to save on cost.
filter "sample" "apache_sampler" {
  keep = 0.5
}

output "elasticsearch" "es_cluster" {
  urls      = ["http://79.12.221.222:9200"]
  index     = "vector-${strftime("%Y-%m-%d")}"
  operation = "index"
}

output "s3" "s3_archives" {
  bucket      = "my-log-archives"
  region      = "us-east-1"
  path        = "date=${strftime("%Y-%m-%d")}"
  compression = "gzip"
  format "ndjson" {}
  roll {
    age  = "5m"
    size = "10MB"
  }
}

pipeline "main" {
  from = [input.tail.apache_logs]
  filter = [
    filter.parse.message,
    filter.parse.apache_parser,
    filter.rename_fields.apache_parser,
    filter.set.apache_parser,
    filter.sample.apache_sampler,
  ]
  to = [output.elasticsearch.es_cluster, output.s3.s3_archives]
  # Changed: transforms.apache_parser: where a function with ! fails, Vector lets the event pass as
  # it came in; here the filters behind go on with it
}
