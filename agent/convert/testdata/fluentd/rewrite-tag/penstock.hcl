agent {
  data_dir = "/var/lib/penstock"
}

# Shows: rewrite_tag_filter: rules in order, inverted, with the tag's parts and a field; matches
# before and behind it.
input "tail" "app" {
  paths = ["/var/log/app/*.log"]
  tag   = "raw.app"
  # Left out: pos_file /var/log/app.pos: positions are kept below data_dir
}

filter "time" "app" {
  field  = "time"
  remove = true
}

output "kafka" "alerts" {
  brokers = ["k1:9092"]
  topic   = "alerts"
}

filter "set" "rewrite_tag" {
  if = "tag matches '^(?:raw(?:[.].*)?)$' and field.level != nil and string(field.level) matches '^(error|fatal)$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'alert.' + tag[1] + '.' + string(field.level)"
  }
  # Changed: <match raw.**> rewrite_tag_filter level /^(error|fatal)$/ alert.${tag_parts[1]}.$1:
  # the new tag is the record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_2" {
  if = "tag matches '^(?:raw(?:[.].*)?)$' and field.user.kind != nil and string(field.user.kind) matches '^robot$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'quiet'"
  }
  # Changed: <match raw.**> rewrite_tag_filter $.user.kind ^robot$ quiet: the new tag is the
  # record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_3" {
  if = "tag matches '^(?:raw(?:[.].*)?)$' and field.status != nil and not (string(field.status) matches '^2') and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'web.odd'"
  }
  # Changed: <match raw.**> rewrite_tag_filter status /^2/ web.odd: the new tag is the record's
  # header new_tag, by which routes choose
}

filter "add_fields" "record_transformer" {
  if = "(header.new_tag ?? tag) matches '^(?:web(?:[.].*)?)$'"
  fields = {
    odd = "yes"
  }
}

output "file" "rest" {
  # Changed: path /var/log/rest: the file is called .log, and rotated ones get a time; fluentd made
  # one file for each chunk
  path   = "/var/log/rest.log"
  format = "ndjson"
  # Changed: <match web.** quiet> file format: lines are the JSON of the record; format = "full"
  # has time and tag as well
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.time.app,
    filter.set.rewrite_tag,
    filter.set.rewrite_tag_2,
    filter.set.rewrite_tag_3,
    filter.add_fields.record_transformer,
  ]
  # Changed: <source> tail json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  # Changed: <match raw.**> rewrite_tag_filter: what no rule takes keeps its tag, and goes where
  # that leads; fluentd leaves it out, with a warning
  route {
    if = "(header.new_tag ?? tag) matches '^(?:alert(?:[.].*)?)$'"
    to = [output.kafka.alerts]
  }
  route {
    if = "((header.new_tag ?? tag) == 'quiet' or (header.new_tag ?? tag) matches '^(?:web(?:[.].*)?)$')"
    to = [output.file.rest]
  }
}
