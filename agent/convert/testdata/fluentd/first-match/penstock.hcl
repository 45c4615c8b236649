agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the first match takes an event: overlapping patterns; what cannot be had (a tag out of a
# part of a field, an unknown output, Ruby).
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

output "stdout" "stdout" {
  format = "full"
}

filter "add_fields" "record_transformer" {
  if = "tag matches '^(?:app(?:[.].*)?)$' and not (tag matches '^(?:app[.]error(?:[.].*)?)$')"
  fields = {
    seen = "yes"
  }
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  # LEFT OUT: default_topic #{`hostname`.strip}: no Ruby is evaluated; write topic
  topic = "CHANGE-ME"
}

# <match **> null
filter "drop" "null" {
  if = "not (tag matches '^(?:app[.]error(?:[.].*)?)$') and not (tag matches '^(?:app(?:[.].*)?)$') and not (tag == 'web') and not (tag matches '^(?:mongo(?:[.].*)?)$')"
}

pipeline "main" {
  from   = [input.forward.forward]
  filter = [filter.add_fields.record_transformer, filter.drop.null]
  # LEFT OUT: <match web> rewrite_tag_filter status /^5(\d)/ web.error.$1: $1 is a part of the
  # field; write a route with if
  # LEFT OUT: <match web> rewrite_tag_filter: none of its rules could be carried over
  # LEFT OUT: <match mongo.**> mongo: there is no such output; see penstock help for those there are
  route {
    match = ["app.error.**"]
    to    = [output.stdout.stdout]
  }
  route {
    if = "tag matches '^(?:app(?:[.].*)?)$' and not (tag matches '^(?:app[.]error(?:[.].*)?)$')"
    to = [output.kafka.kafka]
  }
}
