agent {
  data_dir = "/var/lib/penstock"
}

# Shows: one stream of containers, units of the journal, files that are old or quiet, a format of
# lines, inputs that listen with TLS and a password.
input "tail" "container_1" {
  paths     = ["/var/log/containers/*.log"]
  tag       = "container_1"
  container = true
  # Changed: filebeat.inputs: the time that the runtime has written is the record's, not a field
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
}

filter "where" "container_1" {
  if        = "tag == 'container_1'"
  condition = "header.stream == 'stdout'"
}

filter "parse" "container_1" {
  if      = "tag == 'container_1'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "add_fields" "container_1_stream" {
  if = "tag == 'container_1'"
  fields = {
    stream = header.stream
  }
}

input "journald" "ssh" {
  matches = ["_SYSTEMD_UNIT=ssh.service"]
  from    = "beginning"
  tag     = "ssh"
  # Changed: filebeat.inputs journald: fields other than message are called as the journal calls
  # them
  # Left out: filebeat.inputs.id = ssh: the input has a name
}

filter "rename_fields" "ssh" {
  if = "tag == 'ssh'"
  fields = {
    MESSAGE = "message"
  }
}

input "tail" "app" {
  paths          = ["/var/log/app/*.log"]
  ignore_older   = "2d"
  close_inactive = "5m"
  empty_lines    = "skip"
  tag            = "app"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = app: the input has a name
}

filter "parse" "app" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "http" "http_endpoint_4" {
  listen = "0.0.0.0:8088"
  auth {
    user "me" {
      password = "secret"
    }
  }
  tag = "http_endpoint_4"
}

input "tcp" "tcp_5" {
  listen = "0.0.0.0:9000"
  # LEFT OUT: filebeat.inputs.ssl: write tls { }, with cert_file and key_file: it listens without
  # now
  tag = "tcp_5"
  # Changed: filebeat.inputs tcp: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "tcp_5" {
  if      = "tag == 'tcp_5'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "kafka" "kafka" {
  brokers     = ["kafka-1:9092"]
  topic       = "lines"
  compression = "gzip"
}

pipeline "main" {
  from = [
    input.tail.container_1,
    input.journald.ssh,
    input.tail.app,
    input.http.http_endpoint_4,
    input.tcp.tcp_5,
  ]
  filter = [
    filter.where.container_1,
    filter.parse.container_1,
    filter.add_fields.container_1_stream,
    filter.rename_fields.ssh,
    filter.parse.app,
    filter.parse.tcp_5,
  ]
  to = [output.kafka.kafka]
  # LEFT OUT: filebeat.inputs.index = net: it is for this input alone: write a route with an output
  # of its own
  # LEFT OUT: output.kafka.codec.format.string = %{[@timestamp]} %{[message]}: records go out as
  # JSON objects: nothing makes other text of them
}
