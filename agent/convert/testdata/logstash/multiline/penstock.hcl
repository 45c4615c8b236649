agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the multiline codec, dissect, kv, csv.
input "tail" "file" {
  paths = ["/var/log/java.log"]
  multiline {
    start   = "^\\d{4}-"
    timeout = "2s"
  }
  tag = "file"
  # Changed: file: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "file" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "dissect" {
  format     = "regex"
  field      = "text"
  keep       = "text"
  pattern    = "(?s)^(?P<class>.*?) - (?P<rest>.*)$"
  on_failure = "mark"
  # Changed: dissect: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "parse" "kv" {
  format          = "key_value"
  field           = "rest"
  keep            = "rest"
  into            = "kv"
  pair_separator  = ","
  value_separator = ":"
  on_failure      = "mark"
  # Changed: kv: what cannot be parsed has a header parse_error, and no tag that says so
}

output "stdout" "stdout" {
  format = "ndjson"
}

pipeline "main" {
  from   = [input.tail.file]
  filter = [filter.parse.file, filter.parse.dissect, filter.parse.kv]
  to     = [output.stdout.stdout]
  # LEFT OUT: dissect.mapping.message = %{ts} %{+ts} [%{thread}] %{level} %{text}: write a regular
  # expression for the tokenizer
}
