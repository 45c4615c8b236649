agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the old flat format beside @type, dates in several parts of a path, a zone of paths that
# is told by its hours.
input "tail" "m" {
  # Changed: path /var/log/app/%Y/%m/app-%Y%m%d.log: dates in a path are matched by *
  paths = ["/var/log/app/*/*/app-*.log"]
  tag   = "raw.app"
  multiline {
    start = "^\\d{4}"
  }
  # Left out: pos_file /var/log/td-agent/app.pos: positions are kept below data_dir
}

filter "parse" "m" {
  format  = "regex"
  pattern = "(?s)^(?P<time>\\S+ \\S+) (?P<level>\\w+) (?P<message>.*)"
}

filter "time" "m" {
  field   = "time"
  formats = ["%Y-%m-%d %H:%M:%S"]
  # Changed: <source> tail time: a time that names no zone is UTC here, and local there: write zone
  remove = true
}

output "s3" "s3" {
  bucket = "lake"
  roll {
    age = "1h"
  }
  timezone = "Etc/GMT-9"
  prefix   = "logs"
  path     = "${strftime("%Y")}"
  # Changed: <match raw.**> s3 object names: objects are named by the positions of what is in them,
  # so that none is written twice
  compression = "gzip"
  format "ndjson" {}
}

pipeline "main" {
  from   = [input.tail.m]
  filter = [filter.parse.m, filter.time.m]
  # Changed: <source> tail multiline: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  route {
    match = ["raw.**"]
    to    = [output.s3.s3]
  }
}
