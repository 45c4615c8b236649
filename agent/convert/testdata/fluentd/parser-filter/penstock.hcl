agent {
  data_dir = "/var/lib/penstock"
}

# Shows: filter parser with and without reserve_data, grep with and / or, lines as they are
# (single_value).
input "tail" "containers" {
  paths = ["/var/log/containers/*.log"]
  tag   = "kube.${path_dots}"
}

filter "parse" "containers" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "parser" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  format  = "regex"
  field   = "message"
  pattern = "^(?P<stream>stdout|stderr) (?P<log>.*)$"
}

filter "parse" "parser_2" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  format = "json"
  field  = "log"
  into   = "parsed"
  keep   = "log"
}

filter "time" "parser" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$'"
  field  = "time"
  remove = true
}

filter "where" "grep" {
  if        = "tag matches '^(?:kube(?:[.].*)?)$'"
  condition = "string(field.stream ?? '') matches 'err' and string(field.parsed.level ?? '') matches '(?i)^(?:warn|error)$'"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "kube"
}

pipeline "main" {
  from = [input.tail.containers]
  filter = [
    filter.parse.containers,
    filter.parse.parser,
    filter.parse.parser_2,
    filter.time.parser,
    filter.where.grep,
  ]
  # LEFT OUT: <filter kube.**> kubernetes_metadata: no input that reads /var/log/containers, with a
  # parser for what the runtime writes, comes here: write container = true and kubernetes { node =
  # env("NODE_NAME") } in input "tail", and filter "set" with the headers pod, namespace and
  # labels.NAME
  route {
    match = ["kube.**"]
    to    = [output.kafka.kafka]
  }
}
