agent {
  data_dir = "/var/lib/penstock"
}

# Shows: an application's server of v0.12 days: access and error logs, a Java log, a slow log, what
# others send, copies with a second way, tags rewritten by what is in records, flags of matches.
input "tail" "access" {
  paths    = ["/var/log/nginx/access.log", "/var/log/nginx/api-access.log"]
  tag      = "nginx.access"
  start_at = "end"
  # Left out: pos_file /var/lib/td-agent/nginx.pos: positions are kept below data_dir
}

filter "parse" "access" {
  if      = "tag == 'nginx.access'"
  format  = "regex"
  pattern = "^(?P<remote>[^ ]*) - (?P<user>[^ ]*) \\[(?P<time>[^\\]]*)\\] \"(?P<method>\\S+) (?P<path>[^ ]*) (?P<protocol>HTTP/\\d\\.\\d)\" (?P<code>\\d{3}) (?P<size>[\\d\\-]+) \"(?P<referer>[^\"]*)\" \"(?P<agent>[^\"]*)\" (?P<request_time>[\\d\\.\\-]+)( (?P<trace>[0-9a-fA-F\\-]{16,36}))?$"
  types = {
    code         = "int"
    request_time = "float"
  }
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
  multiline {
    start   = "^\\d{4}/\\d{2}/\\d{2} \\d{2}:\\d{2}:\\d{2} \\[\\w+\\]"
    timeout = "3s"
  }
  # Left out: pos_file /var/lib/td-agent/nginx-error.pos: positions are kept below data_dir
}

filter "parse" "error" {
  if      = "tag == 'nginx.error'"
  format  = "regex"
  pattern = "(?s)^(?P<time>\\d{4}/\\d{2}/\\d{2} \\d{2}:\\d{2}:\\d{2}) \\[(?P<level>\\w+)\\] (?P<pid>\\d+)\\#(?P<tid>\\d+): (?P<message>.*)"
}

filter "time" "error" {
  if      = "tag == 'nginx.error'"
  field   = "time"
  formats = ["%Y/%m/%d %H:%M:%S"]
  # Changed: <source> tail time: a time that names no zone is UTC here, and local there: write zone
  remove = true
}

input "tail" "logs" {
  # Changed: path /opt/shop/logs/shop-%Y-%m-%d.log, /opt/shop/logs/worker.log: dates in a path are
  # matched by *
  paths       = ["/opt/shop/logs/shop-*.log", "/opt/shop/logs/worker.log"]
  tag         = "shop.${hostname()}"
  rotate_wait = "30s"
  multiline {
    start = "^\\[\\d{4}-\\d{2}-\\d{2}"
  }
  # Left out: pos_file /var/lib/td-agent/shop.pos: positions are kept below data_dir
}

filter "parse" "logs" {
  if      = "tag matches '^(?:shop(?:[.].*)?)$'"
  format  = "regex"
  pattern = "(?s)^\\[(?P<time>[^\\]]+)\\] +(?P<level>[A-Z]+) +\\[(?P<thread>[^\\]]*)\\] +(?P<logger>[\\w.$\\-]+) - (?P<message>.*)"
}

filter "time" "logs" {
  if      = "tag matches '^(?:shop(?:[.].*)?)$'"
  field   = "time"
  formats = ["%Y-%m-%d %H:%M:%S,%L"]
  # Changed: <source> tail time: a time that names no zone is UTC here, and local there: write zone
  remove = true
}

input "syslog" "syslog" {
  listen = ["udp://127.0.0.1:5140"]
  tag    = "system"
  # Changed: <source>: facility and severity are fields, and do not follow the tag
}

filter "rename_fields" "syslog" {
  if = "tag == 'system'"
  fields = {
    hostname = "host"
    app_name = "ident"
    proc_id  = "pid"
  }
}

input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

# Not what the balancer asks
input "http" "http" {
  listen        = "0.0.0.0:8888"
  max_body_size = "4MiB"
  # Changed: <source>: bodies are read by their content type, as fluentd reads them; the tag is the
  # path
  # Left out: keepalive_timeout 10s: penstock has nothing of this name here
}

filter "grep" "grep" {
  if      = "tag == 'nginx.access' and header.new_tag == nil"
  field   = "path"
  exclude = ["^/(health|status)$"]
}

filter "grep" "grep_2" {
  if      = "tag == 'nginx.access' and header.new_tag == nil"
  field   = "agent"
  exclude = ["ELB\\-HealthChecker"]
}

filter "grep" "grep_3" {
  if      = "tag == 'nginx.access' and header.new_tag == nil"
  field   = "code"
  include = ["^[1-5]\\d\\d$"]
}

filter "add_fields" "record_transformer" {
  if = "tag matches '^(?:nginx(?:[.].*)?|shop(?:[.].*)?)$' and header.new_tag == nil"
  fields = {
    host    = "${hostname()}"
    service = "${tag[0]}"
    role    = env("ROLE", "web")
  }
  # Left out: slow ${record["request_time"].to_f > 1.0}: Ruby is not evaluated; write the field
  # here, or with filter "set" and an expression
}

filter "set" "rewrite_tag" {
  if = "tag == 'nginx.access' and field.code != nil and string(field.code) matches '^5\\\\d\\\\d$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'failed.nginx'"
  }
  # Changed: <match nginx.access> rewrite_tag_filter code ^5\d\d$ failed.nginx: the new tag is the
  # record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_2" {
  if = "tag == 'nginx.access' and field.path != nil and string(field.path) matches '^/checkout/' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'checkout.nginx'"
  }
  # Changed: <match nginx.access> rewrite_tag_filter path ^/checkout/ checkout.nginx: the new tag
  # is the record's header new_tag, by which routes choose
}

filter "set" "rewrite_tag_3" {
  if = "tag == 'nginx.access' and field.code != nil and string(field.code) matches '.+' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'web.nginx'"
  }
  # Changed: <match nginx.access> rewrite_tag_filter code .+ web.nginx: the new tag is the record's
  # header new_tag, by which routes choose
}

output "kafka" "kafka" {
  brokers = ["kafka-1.example.net:9092", "kafka-2.example.net:9092"]
  topic   = "failed"
  # Left out: buffer_type file: buffers are on disk
  # Left out: buffer_path /var/spool/td-agent/failed: buffers lie below data_dir
  # Left out: flush_interval 2s: outputs read the buffer all the time, at their own pace
  # Left out: max_send_retries 3: attempts never end, and nothing is given up
}

output "file" "file" {
  # Changed: path /var/log/td-agent/failed: the file is called .log, and rotated ones get a time;
  # fluentd made one file for each chunk
  path   = "/var/log/td-agent/failed.log"
  format = "ndjson"
  # Changed: <store> file format: lines are the JSON of the record; format = "full" has time and
  # tag as well
  rotate {
    compress = true
  }
  # Left out: time_slice_format %Y%m%d%H: outputs read the buffer all the time, at their own pace
}

output "kafka" "kafka_2" {
  brokers = ["kafka-1.example.net:9092", "kafka-2.example.net:9092"]
  topic   = "web"
  # Left out: output_include_time true: write filter "add_fields" with ${tag} or ${time}
  # Left out: output_include_tag true: write filter "add_fields" with ${tag} or ${time}
  # Left out: buffer_type file: buffers are on disk
  # Left out: buffer_path /var/spool/td-agent/web: buffers lie below data_dir
  # Left out: buffer_chunk_limit 8m: a buffer has no chunks
  # Left out: buffer_queue_limit 256: see buffer.max_size
  # Left out: num_threads 4: outputs read the buffer all the time, at their own pace
}

output "forward" "forward" {
  peer = "fluentd"
  server "one" {
    address = "relay-1.example.net:24224"
    weight  = 60
  }
  server "two" {
    address = "relay-2.example.net:24224"
    standby = true
  }
  send_timeout = "1m"
  recover_wait = "10s"
  failover {
    to = output.local.forward_overflow
    # Changed: <secondary> file: it is used once the destination has taken nothing for after, and
    # what went there is sent on by itself when the destination is back
  }
  # Left out: buffer_type file: buffers are on disk
  # Left out: buffer_path /var/spool/td-agent/forward: buffers lie below data_dir
  # LEFT OUT: <match nginx.access> rewrite_tag_filter code ^5\d\d$ failed.nginx: the new tag: what
  # is written here is the tag that records came with; write ${expr("header.new_tag ?? tag")} where
  # it is a template
}

output "local" "forward_overflow" {
  directory = "/var/log/td-agent/forward-failed"
}

# <match system.**> null
filter "drop" "null" {
  if = "tag matches '^(?:system(?:[.].*)?)$'"
}

output "s3" "s3" {
  bucket = "td-rest"
  region = "eu-west-1"
  # Changed: <match **> s3 in local time: paths are in UTC unless timezone is written
  prefix = "rest"
  path   = "${strftime("%Y/%m/%d/%H")}"
  # Changed: <match **> s3 object names: objects are named by the positions of what is in them, so
  # that none is written twice
  compression = "gzip"
  format "ndjson" {}
  # Changed: <match **> s3 format: lines are the JSON of the record, without time and tag before it
  # Left out: buffer_path /var/spool/td-agent/s3: buffers lie below data_dir
  # Left out: time_slice_wait 10m: a cut waits for nothing; late records go where their own time
  # says
  # Left out: include_time_key true: write filter "add_fields" with ${tag} or ${time}
  # Left out: time_key ts: write filter "add_fields" with ${tag} or ${time}
}

pipeline "main" {
  from = [
    input.tail.access,
    input.tail.error,
    input.tail.logs,
    input.syslog.syslog,
    input.forward.forward,
    input.http.http,
  ]
  filter = [
    filter.parse.access,
    filter.time.access,
    filter.parse.error,
    filter.time.error,
    filter.parse.logs,
    filter.time.logs,
    filter.rename_fields.syslog,
    filter.grep.grep,
    filter.grep.grep_2,
    filter.grep.grep_3,
    filter.add_fields.record_transformer,
    filter.set.rewrite_tag,
    filter.set.rewrite_tag_2,
    filter.set.rewrite_tag_3,
    filter.drop.null,
  ]
  # Changed: <source> tail regexp: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Changed: <source> tail multiline: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Left out: enable_ruby true: no Ruby is evaluated
  # Who is slow and what fails has ways of its own
  # Changed: <match nginx.access> rewrite_tag_filter: what no rule takes keeps its tag, and goes
  # where that leads; fluentd leaves it out, with a warning
  route {
    if = "(header.new_tag ?? tag) matches '^(?:failed(?:[.].*)?)$'"
    to = [output.kafka.kafka, output.file.file]
  }
  route {
    if = "(header.new_tag ?? tag) matches '^(?:checkout(?:[.].*)?|web(?:[.].*)?)$'"
    to = [output.kafka.kafka_2]
  }
  route {
    match = ["nginx.error", "shop.**"]
    to    = [output.forward.forward]
  }
  otherwise = [output.s3.s3]
}
