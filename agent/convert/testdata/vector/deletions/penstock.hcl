agent {
  data_dir = "/var/lib/penstock"
}

# Shows: what deletes a field where it was parsed, where another statement of the block or of the
# program cannot be carried over, and behind a variable that has it.
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
  into   = "structured"
}

filter "set" "shape" {
  fields = {
    seen = "true"
  }
}

filter "set" "more" {
  fields = {
    args = "field.structured.args"
  }
}

filter "set" "more_2" {
  if = "not (field.structured.kind == 'card')"
  fields = {
    open = "true"
  }
}

filter "parse" "more" {
  format = "apache_common"
  field  = "structured.line"
  keep   = "structured.line"
  time   = true
  # Changed: more: . |= parse_common_log!(.structured.line): timestamp is text as in the line, and
  # what is - there is no field
  on_failure = "mark"
}

filter "rename_fields" "more" {
  fields = {
    time        = "timestamp"
    remote_addr = "host"
    bytes       = "size"
    user_agent  = "agent"
    referer     = "referrer"
  }
}

filter "set" "more_3" {
  fields = {
    message = "field.method + ' ' + field.path + ' ' + field.protocol"
  }
}

filter "set" "more_4" {
  fields = {
    late = "true"
  }
}

filter "remove_fields" "more" {
  if     = "header.parse_error == nil"
  fields = ["structured.line"]
}

filter "set" "more_5" {
  fields = {
    vector_text = "field.structured.query"
  }
}

filter "parse" "more_2" {
  format     = "query"
  field      = "vector_text"
  on_failure = "mark"
}

filter "remove_fields" "more_2" {
  fields = ["vector_text"]
}

filter "set" "more_6" {
  if = "header.parse_error == nil"
  fields = {
    query = "true"
  }
}

filter "remove_fields" "more_3" {
  if     = "header.parse_error == nil"
  fields = ["structured.query"]
}

filter "set" "more_7" {
  if = "header.parse_error != nil"
  fields = {
    no_query = "header.parse_error"
  }
}

output "stdout" "out" {
  format = "ndjson"
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.message,
    filter.parse.shape,
    filter.set.shape,
    filter.set.more,
    filter.set.more_2,
    filter.parse.more,
    filter.rename_fields.more,
    filter.set.more_3,
    filter.set.more_4,
    filter.remove_fields.more,
    filter.set.more_5,
    filter.parse.more_2,
    filter.remove_fields.more_2,
    filter.set.more_6,
    filter.remove_fields.more_3,
    filter.set.more_7,
  ]
  to = [output.stdout.out]
  # LEFT OUT: more: del(.structured.args): what is left out reads it: delete it behind that
  # LEFT OUT: more: pairs, pairs_err = parse_key_value(args): write filters for it
  # LEFT OUT: more: if n_err == null { .n = n; del(.structured.n) }: del(.structured.n): nothing is
  # known of what fails here
  # LEFT OUT: more: if .structured.kind == "card" { .card = encrypt(.structured.card);
  # del(.structured.card) }: .card = encrypt(.structured.card): penstock has no function like
  # encrypt; write filters for it
  # LEFT OUT: more: .key = sha3(.structured.key): penstock has no function like sha3; write filters
  # for it
  # LEFT OUT: more: del(.structured.key): what is left out reads it: delete it behind that
  # Changed: transforms.more: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # Changed: transforms.more: where Vector makes a field null, what is there stays
}
