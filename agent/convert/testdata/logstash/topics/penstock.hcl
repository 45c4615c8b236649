agent {
  data_dir = "/var/lib/penstock"
}

# Shows: what is known of events from Kafka, in conditions, fields and an index; the old list of
# grok, one pattern of which RE2 has not; a time for a field, one without a zone.
input "kafka" "kafka" {
  brokers = ["kafka:9092"]
  group   = "logstash"
  topics  = ["sit.item", "uat.item"]
  start   = "latest"
  # Changed: kafka: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
  # Left out: kafka.decorate_events = true: topic, partition and offset are known to templates and
  # archives
}

filter "parse" "kafka" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "mutate" {
  if = "tag == 'uat.item'"
  fields = {
    stage = "uat"
  }
}

filter "add_fields" "mutate_2" {
  if = "not (tag == 'uat.item')"
  fields = {
    stage = "sit"
  }
}

filter "set" "mutate" {
  fields = {
    offset = "field['@metadata'].kafka.offset"
  }
}

filter "add_fields" "mutate_3" {
  fields = {
    from = "${tag}"
    id   = "${key}"
  }
}

filter "parse" "grok" {
  format     = "grok"
  field      = "message"
  keep       = "message"
  patterns   = ["^%%{INT:code} %%{GREEDYDATA:rest}", "^%%{WORD:word}$"]
  on_failure = "mark"
  # Changed: grok: what cannot be parsed has a header parse_error, and no tag that says so
}

filter "time" "date" {
  field   = "rest"
  formats = ["iso8601"]
  # LEFT OUT: date.target: it becomes the record's time, and no field
}

filter "time" "date_2" {
  field   = "word"
  formats = ["%Y-%m-%d %H:%M:%S"]
  # Changed: date: a time that names no zone is UTC here, and local there: write zone
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://es:9200"]
  index     = "${tag}-${strftime("%Y.%m.%d")}"
  operation = "index"
}

pipeline "main" {
  from = [input.kafka.kafka]
  filter = [
    filter.parse.kafka,
    filter.add_fields.mutate,
    filter.add_fields.mutate_2,
    filter.set.mutate,
    filter.add_fields.mutate_3,
    filter.parse.grok,
    filter.time.date,
    filter.time.date_2,
  ]
  to = [output.elasticsearch.elasticsearch]
  # LEFT OUT: mutate.copy.[@metadata][kafka][offset] [@metadata][kafka][offset]: there is no such
  # field: write it otherwise
  # LEFT OUT: grok.match.message (?P<first>\w+)(?=:) %{GREEDYDATA:rest}: does not make a regular
  # expression: error parsing regexp: invalid or unsupported Perl syntax: `(?=`
  # LEFT OUT: if [ @metadata ] [ kafka ] [ partition ] == 1: of [@metadata][kafka], topic and key
  # are known here; write the condition of what is in it
}
