agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:24220"
  }
  # Changed: <source> monitor_agent: the agent has a status page, /api/status and /metrics of its
  # own, at agent.admin.listen
}

# Shows: v0.12: type, format in the source, buffer parameters in the match, regexp1 of grep,
# include.
input "tail" "access_log" {
  paths    = ["/var/log/httpd/access_log"]
  tag      = "apache.access"
  start_at = "end"
  # Left out: pos_file /var/log/td-agent/httpd.pos: positions are kept below data_dir
}

filter "parse" "access_log" {
  if      = "tag == 'apache.access'"
  format  = "regex"
  pattern = "^(?P<host>[^ ]*) [^ ]* (?P<user>[^ ]*) \\[(?P<time>[^\\]]*)\\] \"(?P<method>\\S+)(?: +(?P<path>[^ ]*) +\\S*)?\" (?P<code>[^ ]*) (?P<size>[^ ]*)$"
  types = {
    code = "int"
    size = "int"
  }
}

filter "time" "access_log" {
  if      = "tag == 'apache.access'"
  field   = "time"
  formats = ["%d/%b/%Y:%H:%M:%S %z"]
  remove  = true
}

filter "grep" "grep" {
  if      = "tag == 'apache.access'"
  field   = "method"
  include = ["^GET$"]
}

filter "grep" "grep_2" {
  if      = "tag == 'apache.access'"
  field   = "path"
  exclude = ["\\.png$"]
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "httpd"
  # Left out: buffer_type file: buffers are on disk
  # Left out: buffer_path /var/log/td-agent/buffer/kafka: buffers lie below data_dir
  # Left out: buffer_chunk_limit 8m: a buffer has no chunks
  # Left out: buffer_queue_limit 256: see buffer.max_size
  # Left out: flush_interval 10s: outputs read the buffer all the time, at their own pace
  # Left out: retry_limit 17: attempts never end, and nothing is given up
  # Left out: num_threads 4: outputs read the buffer all the time, at their own pace
}

pipeline "main" {
  from = [input.tail.access_log]
  filter = [
    filter.parse.access_log,
    filter.time.access_log,
    filter.grep.grep,
    filter.grep.grep_2,
  ]
  # Changed: <source> tail regexp: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  route {
    match = ["apache.*"]
    to    = [output.kafka.kafka]
  }
}
