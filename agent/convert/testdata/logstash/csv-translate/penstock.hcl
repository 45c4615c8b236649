agent {
  data_dir = "/var/lib/penstock"
}

# Shows: csv with columns and types, copy, strip, merge, update, UNIX times, translate.
input "tail" "file" {
  paths                = ["/var/data/*.csv"]
  exclude              = ["/**/*.gz"]
  delimiter            = "\r\n"
  after_read           = "delete"
  partial_line_timeout = "5s"
  # Changed: file.file_completed_action: files are deleted once every output has them, and a minute
  # after they were written
  tag = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "file" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "csv" {
  format     = "csv"
  field      = "message"
  keep       = "message"
  columns    = ["when", "customer", "amount"]
  delimiter  = ";"
  on_failure = "mark"
  # Changed: csv: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "convert" "mutate" {
  types = {
    amount = "float"
  }
}

filter "time" "date" {
  field   = "when"
  formats = ["epoch_s", "iso8601"]
}

filter "add_fields" "mutate" {
  fields = {
    customer = "someone"
  }
  if = "field.customer != nil"
}

filter "set" "mutate" {
  fields = {
    account = "trim(field.account)"
  }
}

filter "set" "mutate_2" {
  fields = {
    account = "field.customer"
  }
}

output "elasticsearch" "elasticsearch" {
  urls  = ["http://es:9200"]
  index = "sales"
}

pipeline "main" {
  from = [input.tail.file]
  filter = [
    filter.parse.file,
    filter.parse.csv,
    filter.convert.mutate,
    filter.time.date,
    filter.add_fields.mutate,
    filter.set.mutate,
    filter.set.mutate_2,
  ]
  to = [output.elasticsearch.elasticsearch]
  # Left out: mutate.merge: write filter "set" for it
  # LEFT OUT: translate: write filter "lookup", with a table
}
