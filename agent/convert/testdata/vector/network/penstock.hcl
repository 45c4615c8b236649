agent {
  data_dir = "/var/lib/penstock"
  admin {
    # Shows: HTTP, syslog, fluent and UDP sources, throttle and dedupe, disk buffers, the API.
    listen = "127.0.0.1:8686"
    # Changed: api: the status page and /metrics
  }
}

input "http" "web" {
  listen = "0.0.0.0:8080"
  auth {
    user "me" {
      password = "secret"
    }
  }
  tag = "web"
  # Changed: sources.web: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "syslog" "sys" {
  listen = ["udp://0.0.0.0:514"]
  # Changed: sources.sys: procid is text, and structured data stands in fields of its own: see
  # penstock help input.syslog
  tag = "sys"
  # Changed: sources.sys: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "forward" "fwd" {
  listen     = "0.0.0.0:24224"
  tag_prefix = "fwd"
  # Changed: sources.fwd: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "udp" "dgram" {
  listen = "0.0.0.0:9001"
  tag    = "dgram"
  # Changed: sources.dgram: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "rename_fields" "syslog" {
  if = "tag == 'sys'"
  fields = {
    app_name = "appname"
    proc_id  = "procid"
    msg_id   = "msgid"
  }
}

filter "parse" "message" {
  if      = "tag == 'dgram'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "throttle" "calm" {
  if    = "tag in ['web', 'sys', 'dgram']"
  limit = 100
  per   = "1s"
  key   = "field.host"
}

filter "dedupe" "once" {
  if       = "tag in ['web', 'sys', 'dgram']"
  key      = "string(field.message ?? '') + '|' + string(field.host ?? '')"
  max_keys = 5000
  # Changed: transforms.once: repeats are discarded for a time: see within
}

output "http" "http" {
  url    = "http://collector:8000/"
  format = "ndjson"
  headers = {
    "X-Team" = "web"
  }
  compression = "gzip"
  # Left out: sinks.http.request.retry_attempts = 10: attempts never end
  # Left out: sinks.http.buffer.type = disk: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.http.buffer.max_size = 104900000: the buffer is one for all outputs: see
  # buffer.max_size
  # Left out: sinks.http.buffer.when_full = block: see buffer.when_full
}

pipeline "main" {
  from = [input.http.web, input.syslog.sys, input.forward.fwd, input.udp.dgram]
  filter = [
    filter.rename_fields.syslog,
    filter.parse.message,
    filter.throttle.calm,
    filter.dedupe.once,
  ]
  route {
    if = "tag in ['web', 'sys', 'dgram']"
    to = [output.http.http]
  }
}
