agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multi_format: JSON, two expressions and lines as they are; in a parser filter, with times
# and types of each.
input "tail" "mixed" {
  paths = ["/var/log/mixed/*.log"]
  tag   = "mixed"
  # Left out: pos_file /var/log/mixed.pos: positions are kept below data_dir
}

filter "parse" "mixed" {
  formats = ["json", "regex"]
  types = {
    code = "int"
    ms   = "int"
  }
  patterns = [
    "^(?P<ts>\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d) (?P<level>\\w+) (?P<msg>.*)$",
    "^(?P<level>[A-Z]): (?P<msg>.*) took (?P<ms>\\d+) ms$",
    "^(?P<message>(?s:.*))$",
  ]
}

filter "time" "mixed" {
  field   = "ts"
  formats = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"]
  remove  = true
  # Changed: <pattern> ts: a time that names no zone is UTC here, and local there: write zone
}

filter "parse" "parser" {
  if              = "tag == 'mixed'"
  field           = "msg"
  formats         = ["json", "key_value"]
  pair_separator  = "\t"
  value_separator = ":"
}

filter "time" "parser" {
  if      = "tag == 'mixed'"
  field   = "time"
  remove  = true
  formats = ["auto"]
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "mixed"
}

pipeline "main" {
  from   = [input.tail.mixed]
  filter = [filter.parse.mixed, filter.time.mixed, filter.parse.parser, filter.time.parser]
  route {
    match = ["mixed"]
    to    = [output.kafka.kafka]
  }
}
