agent {
  data_dir = "/var/lib/penstock"
}

# Shows: names that have dots, dashes and slashes, in programs, keys and templates.
input "tail" "app" {
  paths = ["/var/log/app.log"]
  tag   = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "parse" "shape" {
  format = "json"
  field  = "message"
}

filter "set" "shape" {
  fields = {
    app = "((field.labels['app.kubernetes.io/name'] ?? false) != false ? field.labels['app.kubernetes.io/name'] : 'none')"
  }
}

filter "remove_fields" "shape" {
  fields = ["labels.app\\.kubernetes\\.io/name"]
}

filter "set" "shape_2" {
  fields = {
    "out.a\\.b" = "field.plain"
  }
}

filter "rename_fields" "shape" {
  fields = {
    "z\\.z" = "x-y"
  }
}

filter "set" "shape_3" {
  if = "field['x-y'] == '1'"
  fields = {
    yes = "true"
  }
}

filter "set" "shape_4" {
  fields = {
    "n\\.n" = "'changed'"
  }
}

output "kafka" "out" {
  brokers = ["kafka:9092"]
  topic   = "t-${field.out["a.b"]}"
  key     = "${field["x-y"]}"
  # Left out: sinks.out.encoding.codec = json: records go out as they are
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.message,
    filter.parse.shape,
    filter.set.shape,
    filter.remove_fields.shape,
    filter.set.shape_2,
    filter.rename_fields.shape,
    filter.set.shape_3,
    filter.set.shape_4,
  ]
  to = [output.kafka.out]
  # LEFT OUT: shape: .n = n: the variable n is not known; write filters for it
  # Changed: transforms.shape: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # Changed: transforms.shape: where Vector makes a field null, what is there stays
}
