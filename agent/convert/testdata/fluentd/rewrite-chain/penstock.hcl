agent {
  data_dir = "/var/lib/penstock"
}

# Shows: rewrite_tag_filter whose rules give tags that another one takes, the new tag in fields,
# traces that are told by it, and rules in the wrong order.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

filter "set" "rewrite_tag" {
  if = "tag matches '^(?:late(?:[.].*)?)$' and field.level != nil and string(field.level) matches '.' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'later.' + tag"
  }
  # Changed: <match late.**> rewrite_tag_filter level . later.${tag}: the new tag is the record's
  # header new_tag, by which routes choose
}

filter "set" "rewrite_tag_2" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and field.level != nil and string(field.level) matches '^ERROR$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'err.' + tag"
  }
  # Changed: <match app.**> rewrite_tag_filter level ^ERROR$ err.${tag}: the new tag is the
  # record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_3" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and field.level != nil and string(field.level) matches '^LATE$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'late.' + tag"
  }
  # Changed: <match app.**> rewrite_tag_filter level ^LATE$ late.${tag}: the new tag is the
  # record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_4" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and field.level != nil and string(field.level) matches '.*' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'ok.' + tag"
  }
  # Changed: <match app.**> rewrite_tag_filter level /.*/ ok.${tag}: the new tag is the record's
  # header new_tag, by which routes choose
}

filter "set" "rewrite_tag_5" {
  if = "(header.new_tag ?? tag) matches '^(?:err(?:[.].*)?)$' and field.env != nil and string(field.env) matches '^prod$' and header.copied_tag == nil"
  headers = {
    new_tag = "'page.' + split(header.new_tag ?? tag, '.')[-1] + '.' + (header.new_tag ?? tag)"
  }
  # Changed: <match err.**> rewrite_tag_filter env ^prod$ page.${tag_parts[-1]}.${tag}: the new tag
  # is the record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_6" {
  if = "(header.new_tag ?? tag) matches '^(?:err(?:[.].*)?)$' and field.env != nil and string(field.env) matches '.*' and header.copied_tag == nil"
  headers = {
    new_tag = "'mail.' + split(header.new_tag ?? tag, '.')[2]"
  }
  # Changed: <match err.**> rewrite_tag_filter env /.*/ mail.${tag_parts[2]}: the new tag is the
  # record's header new_tag, by which routes choose
}

filter "multiline" "traces" {
  if      = "(header.new_tag ?? tag) matches '^(?:mail(?:[.].*)?)$'"
  field   = "message"
  presets = ["java"]
  # Changed: remove_tag_prefix trace: the inputs, or the rules, give the tag without it
}

filter "add_fields" "record_transformer" {
  fields = {
    tag  = "${expr("header.new_tag ?? tag")}"
    kind = "${expr("split(header.new_tag ?? tag, '.')[0]")}"
  }
}

output "kafka" "page" {
  brokers = ["k:9092"]
  topic   = "page"
}

output "kafka" "mail" {
  brokers = ["k:9092"]
  topic   = "mail"
}

output "kafka" "rest" {
  brokers = ["k:9092"]
  topic   = "rest"
}

pipeline "main" {
  from = [input.forward.forward]
  filter = [
    filter.set.rewrite_tag,
    filter.set.rewrite_tag_2,
    filter.set.rewrite_tag_3,
    filter.set.rewrite_tag_4,
    filter.set.rewrite_tag_5,
    filter.set.rewrite_tag_6,
    filter.multiline.traces,
    filter.add_fields.record_transformer,
  ]
  # Changed: <match late.**> rewrite_tag_filter: what no rule takes keeps its tag, and goes where
  # that leads; fluentd leaves it out, with a warning
  # LEFT OUT: <match app.**> rewrite_tag_filter level ^LATE$ late.${tag}: filters before it: those
  # that work on the new tag do so only if they stand behind it
  # Changed: <match app.**> rewrite_tag_filter: what no rule takes keeps its tag, and goes where
  # that leads; fluentd leaves it out, with a warning
  # Changed: <match err.**> rewrite_tag_filter: what no rule takes keeps its tag, and goes where
  # that leads; fluentd leaves it out, with a warning
  route {
    if = "(header.new_tag ?? tag) matches '^(?:page(?:[.].*)?)$'"
    to = [output.kafka.page]
  }
  route {
    if = "(header.new_tag ?? tag) matches '^(?:mail(?:[.].*)?)$'"
    to = [output.kafka.mail]
  }
  otherwise = [output.kafka.rest]
}
