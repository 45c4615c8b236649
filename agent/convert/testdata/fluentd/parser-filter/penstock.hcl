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
  # Left out: <filter kube.**> kubernetes_metadata: write container = true and a kubernetes block
  # in input "tail": labels, annotations and the pod come as headers
  route {
    match = ["kube.**"]
    to    = [output.kafka.kafka]
  }
}
