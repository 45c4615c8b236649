agent {
  data_dir = "/var/lib/penstock"
}

# Shows: || with values and with conditions, an assignment with its error, old files left out, a
# branch for what fails, GCS without compression.
input "tail" "app" {
  paths        = ["/var/log/app/*.log"]
  ignore_older = "1d"
  tag          = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "add_fields" "app_host" {
  fields = {
    host = "${agent}"
  }
}

filter "parse" "shape" {
  format = "json"
  field  = "message"
  # Left out: transforms.shape.reroute_dropped = true: see on_failure, and dead_letter of outputs
}

filter "set" "shape" {
  fields = {
    env = "((field.env ?? false) != false ? field.env : 'prod')"
  }
}

filter "set" "shape_2" {
  fields = {
    who = "((field.client ?? false) != false ? field.client : field.host)"
  }
}

filter "set" "shape_3" {
  fields = {
    late = "field.ms == 5 or field.level == 'late'"
  }
}

filter "set" "shape_4" {
  fields = {
    double = "field.n * 2"
  }
}

output "stdout" "out" {
  format = "ndjson"
}

output "gcs" "lake" {
  bucket      = "lake"
  path        = "dt=${strftime("%Y-%m-%d")}"
  compression = "none"
  format "ndjson" {}
  roll {
    age = "5m"
  }
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.message,
    filter.add_fields.app_host,
    filter.parse.shape,
    filter.set.shape,
    filter.set.shape_2,
    filter.set.shape_3,
    filter.set.shape_4,
  ]
  to = [output.stdout.out, output.gcs.lake]
  # Changed: transforms.shape.drop_on_error: what fails passes as it is: see on_failure
  # Changed: transforms.shape: where Vector makes a field null, what is there stays
  # LEFT OUT: sinks.failed.inputs shape.dropped: what a transform has dropped goes nowhere by
  # itself: see on_failure = "dead_letter" of filter parse, and dead_letter of outputs
}
