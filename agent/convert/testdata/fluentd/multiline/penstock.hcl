agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multiline with format1, multiline without, path_key, encodings, formats of lines (csv,
# ltsv, apache2, syslog).
input "tail" "app" {
  paths       = ["/var/log/java/app.log"]
  tag         = "java"
  start_at    = "end"
  path_header = "path"
  multiline {
    start   = "\\d{4}-\\d{1,2}-\\d{1,2}"
    timeout = "5s"
  }
}

filter "parse" "app" {
  if      = "tag == 'java'"
  format  = "regex"
  pattern = "(?s)^(?P<time>\\d{4}-\\d{1,2}-\\d{1,2} \\d{1,2}:\\d{1,2}:\\d{1,2}) \\[(?P<thread>.*)\\] (?P<level>[^\\s]+)(?P<message>.*)"
}

filter "time" "app" {
  if      = "tag == 'java'"
  field   = "time"
  formats = ["%Y-%m-%d %H:%M:%S"]
  # Changed: <parse> multiline time: a time that names no zone is UTC here, and local there: write
  # zone
  remove = true
}

filter "add_fields" "file" {
  if = "tag == 'java'"
  fields = {
    file = header.path
  }
}

input "tail" "sales" {
  # Changed: path /var/log/sales/%Y%m%d.csv: dates in a path are matched by *
  paths    = ["/var/log/sales/*.csv"]
  tag      = "sales"
  start_at = "end"
  encoding = "latin-1"
}

filter "parse" "sales" {
  if        = "tag == 'sales'"
  format    = "csv"
  columns   = ["time", "customer", "amount"]
  delimiter = ";"
  types = {
    amount = "float"
  }
}

filter "time" "sales" {
  if      = "tag == 'sales'"
  field   = "time"
  formats = ["epoch_s"]
  remove  = true
}

input "tail" "ltsv" {
  paths    = ["/var/log/ltsv.log"]
  tag      = "ltsv"
  start_at = "end"
}

filter "parse" "ltsv" {
  if              = "tag == 'ltsv'"
  format          = "key_value"
  pair_separator  = "\t"
  value_separator = ":"
}

filter "time" "ltsv" {
  if     = "tag == 'ltsv'"
  field  = "time"
  remove = true
}

input "tail" "access" {
  paths    = ["/var/log/apache2/access.log"]
  tag      = "apache"
  start_at = "end"
}

filter "parse" "access" {
  if      = "tag == 'apache'"
  format  = "regex"
  pattern = "^(?P<host>\\S+) \\S+ (?P<user>\\S+) \\[(?P<time>[^\\]]*)\\] \"(?P<method>\\S+)(?: +(?P<path>(?:[^\"]|\\\\\")*?)(?: +\\S*)?)?\" (?P<code>\\S+) (?P<size>\\S+)(?: \"(?P<referer>(?:[^\"]|\\\\\")*)\" \"(?P<agent>(?:[^\"]|\\\\\")*)\")?$"
  types = {
    code = "int"
    size = "int"
  }
  # Changed: @type apache2: a field that is - stays so; fluentd made null of it
}

filter "time" "access" {
  if      = "tag == 'apache'"
  field   = "time"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
  remove  = true
}

input "tail" "syslog" {
  paths    = ["/var/log/syslog"]
  tag      = "syslog"
  start_at = "end"
}

filter "parse" "syslog" {
  if     = "tag == 'syslog'"
  format = "syslog"
  time   = true
  # Changed: @type syslog: fields are called as penstock calls them: see penstock help filter.parse
}

output "stdout" "stdout" {
  format = "full"
}

output "http" "http" {
  url         = "https://logs.example.org/in"
  format      = "json"
  compression = "none"
  headers = {
    "X-Team" = "web"
  }
  user     = "me"
  password = "hunter2hunter2"
}

pipeline "main" {
  from = [
    input.tail.app,
    input.tail.sales,
    input.tail.ltsv,
    input.tail.access,
    input.tail.syslog,
  ]
  filter = [
    filter.parse.app,
    filter.time.app,
    filter.add_fields.file,
    filter.parse.sales,
    filter.time.sales,
    filter.parse.ltsv,
    filter.time.ltsv,
    filter.parse.access,
    filter.time.access,
    filter.parse.syslog,
  ]
  # Changed: <source> tail multiline: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Changed: <source> tail apache2: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Changed: <source> tail syslog: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  route {
    match = ["{java,sales}"]
    to    = [output.stdout.stdout]
  }
  route {
    match = ["ltsv", "apache", "syslog"]
    to    = [output.http.http]
  }
}
