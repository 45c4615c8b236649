agent {
  data_dir = "/var/lib/penstock"
  # Shows: labels, relabel, copy, null, filters that work on some tags only.
  log {
    level = "warn"
  }
  # Left out: workers 2: an agent uses the processors there are; GOMAXPROCS limits it
}

input "tail" "access" {
  paths    = ["/var/log/nginx/access.log"]
  tag      = "nginx.access"
  start_at = "end"
}

filter "parse" "access" {
  if      = "tag == 'nginx.access'"
  format  = "regex"
  pattern = "^(?P<remote>\\S+) (?P<host>\\S+) (?P<user>\\S+) \\[(?P<time>[^\\]]*)\\] \"(?P<method>\\S+)(?: +(?P<path>[^\"]*?)(?: +\\S*)?)?\" (?P<code>\\S+) (?P<size>\\S+)(?: \"(?P<referer>[^\"]*)\" \"(?P<agent>[^\"]*)\"(?:\\s+\"?(?P<http_x_forwarded_for>[^\"]*)\"?)?)?$"
}

filter "time" "access" {
  if      = "tag == 'nginx.access'"
  field   = "time"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
  remove  = true
}

input "tail" "error" {
  paths    = ["/var/log/nginx/error.log"]
  tag      = "nginx.error"
  start_at = "end"
}

filter "parse" "error" {
  if      = "tag == 'nginx.error'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "grep" "grep" {
  if      = "tag == 'nginx.access'"
  field   = "path"
  exclude = ["^/health"]
}

output "stdout" "stdout" {
  format = "full"
}

output "file" "file" {
  # Changed: path /var/log/errors: the file is called .log, and rotated ones get a time; fluentd
  # made one file for each chunk
  path   = "/var/log/errors.log"
  format = "ndjson"
  # Changed: <match **> file format: lines are the JSON of the record; format = "full" has time and
  # tag as well
  rotate {
    compress = true
    age      = "1d"
  }
  # Left out: timekey_use_utc true: outputs read the buffer all the time, at their own pace
}

# <match nginx.debug.**> null
filter "drop" "null" {
  if = "tag matches '^(?:nginx[.]debug(?:[.].*)?)$'"
}

filter "add_fields" "record_transformer" {
  if = "not (tag == 'nginx.error') and not (tag matches '^(?:nginx[.]debug(?:[.].*)?)$')"
  fields = {
    service = "web"
  }
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es-1:9200"]
  index     = "web-${strftime("%Y.%m.%d")}"
  user      = "elastic"
  password  = env("ES_PASSWORD")
  tag_field = "@tag"
  # Left out: flush_interval 5s: outputs read the buffer all the time, at their own pace
}

pipeline "WEB" {
  from = [input.tail.access, input.tail.error]
  filter = [
    filter.parse.access,
    filter.time.access,
    filter.parse.error,
    filter.grep.grep,
    filter.drop.null,
    filter.add_fields.record_transformer,
  ]
  # Changed: <source> tail nginx: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  route {
    match = ["nginx.error"]
    to    = [output.stdout.stdout, output.file.file]
  }
  otherwise = [output.elasticsearch.elasticsearch]
}
