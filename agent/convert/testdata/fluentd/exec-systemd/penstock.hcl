agent {
  data_dir = "/var/lib/penstock"
}

# Shows: in_exec, in_systemd, in_tcp, in_udp, in_unix, roundrobin, gcs, data streams.
input "exec" "exec" {
  command  = ["/bin/sh", "-c", "df -h | tail -n +2"]
  interval = "1m"
  tag      = "disk"
}

filter "parse" "exec" {
  if      = "tag == 'disk'"
  format  = "tsv"
  columns = ["fs", "size", "used"]
}

input "journald" "journal" {
  tag       = "journal"
  directory = "/run/log/journal"
  from      = "beginning"
  matches   = ["_SYSTEMD_UNIT=docker.service"]
  # Left out: <storage>: positions are kept below data_dir
}

input "tcp" "tcp" {
  listen = "0.0.0.0:5170"
  tag    = "tcp"
}

filter "time" "tcp" {
  if     = "tag == 'tcp'"
  field  = "time"
  remove = true
}

input "udp" "udp" {
  listen = "0.0.0.0:5160"
  tag    = "udp"
}

filter "parse" "udp" {
  if      = "tag == 'udp'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "forward" "unix" {
  listen = "unix:///run/fluent.sock"
}

output "stdout" "stdout" {
  format = "full"
}

output "stdout" "stdout_2" {
  format = "full"
}

output "gcs" "gcs" {
  bucket           = "acme-logs"
  credentials_file = "/etc/fluentd/gcs.json"
  roll {
    age = "1h"
  }
  prefix = "journal"
  path   = "${strftime("%Y/%m/%d")}"
  # Changed: <match journal> gcs object names: objects are named by the positions of what is in
  # them, so that none is written twice
  compression = "gzip"
  format "ndjson" {}
  # Changed: <match journal> gcs format: lines are the JSON of the record, without time and tag
  # before it
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://es-1:9200", "http://es-2:9200"]
  index     = "logs-app-default"
  operation = "create"
}

pipeline "main" {
  from = [
    input.exec.exec,
    input.journald.journal,
    input.tcp.tcp,
    input.udp.udp,
    input.forward.unix,
  ]
  filter = [filter.parse.exec, filter.time.tcp, filter.parse.udp]
  # Changed: <source> tcp json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  # LEFT OUT: <match disk> roundrobin: outputs do not take turns: the first gets all; output
  # "forward" and "elasticsearch" spread over several servers
  route {
    match = ["disk"]
    to    = [output.stdout.stdout]
  }
  route {
    match = ["journal"]
    to    = [output.gcs.gcs]
  }
  otherwise = [output.elasticsearch.elasticsearch]
}
