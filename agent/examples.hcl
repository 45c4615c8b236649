input "exec" "disk" {
  command  = ["df", "-P"]
  interval = "1m"
}

input "forward" "fluentd" {
  listen = "0.0.0.0:24224"
  security {
    shared_key = env("SHARED_KEY")
  }
}

input "http" "apps" {
  listen = "0.0.0.0:9880"
  auth {
    tokens = [env("HTTP_TOKEN")]
  }
}

input "journald" "system" {
  units = ["nginx.service", "sshd.service"]
}

input "kafka" "topics" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  group   = "lake"
  topics  = ["app-logs"]
}

input "stdin" "lines" {}

input "syslog" "network" {
  listen = ["udp://0.0.0.0:5140", "tcp://0.0.0.0:5140"]
}

input "tail" "app" {
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
  multiline { presets = ["java"] }
}

input "tcp" "lines" {
  listen = "0.0.0.0:5170"
}

input "udp" "metrics" {
  listen = "0.0.0.0:5171"
}

output "elasticsearch" "search" {
  urls     = ["https://es-1:9200"]
  index    = "logs-${strftime("%Y.%m.%d")}"
  user     = "penstock"
  password = env("ES_PASSWORD")
}

output "file" "copy" {
  path = "/var/log/penstock/copy.log"
  rotate {
    size = "100MB"
    keep = 10
  }
}

output "forward" "relays" {
  server "relay-1" { address = "relay-1:24224" }
  server "relay-2" { address = "relay-2:24224" }
  shared_key = env("SHARED_KEY")
  tls {}
}

output "gcs" "lake" {
  bucket = "acme-lake"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time {
    field = "time"
  }
  format "parquet" {}
}

output "http" "collector" {
  url   = "https://logs.example.org/ingest"
  token = env("COLLECTOR_TOKEN")
}

output "kafka" "events" {
  brokers = ["kafka-1:9093", "kafka-2:9093"]
  topic   = "app-logs"
  tls {}
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "penstock"
    password  = env("KAFKA_PASSWORD")
  }
}

output "local" "lake" {
  directory = "/srv/lake"
  path      = "${tag}/dt=${strftime("%Y-%m-%d")}"
  format "raw" {} # lines as they are; without it they have to be JSON
}

output "s3" "lake" {
  bucket = "acme-lake"
  region = "eu-central-1"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time {
    field = "time"
  }
  format "parquet" {}
}

output "stdout" "lines" {}

filter "add_fields" "where" {
  fields = { host = "${agent}", app = "${tag[1]}", version = 2 }
}

filter "convert" "numbers" {
  types = { status = "int", seconds = "float" }
}

filter "count" "requests" {
  name   = "http_requests_total"
  labels = { status = "field.status" }
}

filter "dedupe" "again" {
  key    = "field.id"
  within = "5m"
}

filter "drop" "debug" {
  if = "field.level == 'debug'"
}

filter "explode" "items" {
  field = "items"
  flat  = true
}

filter "flatten" "all" {
  separator = "_"
}

filter "grep" "no_probes" {
  exclude = ["GET /healthz"]
}

filter "hash" "users" {
  fields    = ["user.email"]
  into      = "user.email"
  algorithm = "hmac_sha256"
  key       = env("HASH_KEY")
}

filter "keep_fields" "few" {
  fields = ["time", "level", "message", "user.id"]
}

filter "lookup" "teams" {
  table = "/etc/penstock/teams.csv" # host,team
  key   = "field.host"
  take  = ["team"]
}

filter "multiline" "traces" {
  field   = "log"
  key     = "string(field.container_id ?? '')"
  presets = ["java", "python"]
}

filter "nest" "http" {
  fields = ["method", "path", "status"]
  into   = "http"
}

filter "parse" "access" {
  format     = "nginx"
  types      = { status = "int" }
  time       = true
  on_failure = "mark"
}

filter "redact" "private" {
  presets = ["email", "credit_card"]
  fields  = ["message"]
}

filter "remove_fields" "secrets" {
  fields = ["user.password", "headers.authorization"]
}

filter "rename_fields" "names" {
  fields = { msg = "message", "ctx.user" = "user.name" }
}

filter "rename_tag" "short" {
  match = "^kubernetes\\.(.*)$"
  to    = "${group[1]}"
}

filter "replace" "ids" {
  field   = "path"
  pattern = "/[0-9]+"
  with    = "/N"
}

filter "sample" "tenth" {
  keep   = 0.1
  field  = "trace_id"
  always = "error"
}

filter "set" "slow" {
  fields = { slow = "field.seconds > 1", ms = "field.seconds * 1000" }
}

filter "split" "labels" {
  field     = "labels"
  separator = ";"
}

filter "throttle" "noisy" {
  key   = "origin"
  limit = 100
  per   = "1s"
}

filter "time" "event" {
  field   = "@timestamp"
  formats = ["iso8601", "epoch_ms"]
}

filter "truncate" "long" {
  fields = ["message"]
  size   = "8KiB"
  suffix = "..."
}

filter "uuid" "id" {
  field = "id"
}

filter "wasm" "own" {
  module = "/etc/penstock/own.wasm"
}

filter "where" "errors" {
  condition = "field.status >= 500"
}

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
  log { level = "info" }
}

pipeline "app-logs" {
  from = [input.tail.app]
  filter "drop" { if = "field.level == 'debug'" }
  to = [output.kafka.events]
  route {
    if = "field.level == 'error'"
    to = [output.http.collector]
  }
}

buffer {
  max_size  = "20GiB"
  when_full = "block"
}
