agent {
  data_dir = "/var/lib/penstock"
  # Shows: one stream of containers, units of the journal, files that are old or quiet, a format of
  # lines.
}

input "tail" "container_1" {
  paths       = ["/var/log/containers/*.log"]
  empty_lines = "skip"
  tag         = "container_1"
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
}

filter "parse" "container_1" {
  if      = "tag == 'container_1'"
  formats = ["cri", "docker"]
  time    = true
  # Changed: filebeat.inputs: fields are called as penstock calls them: see penstock help
  # filter.parse
}

filter "where" "container_1" {
  if        = "tag == 'container_1'"
  condition = "field.stream == 'stdout'"
}

input "journald" "ssh" {
  matches = ["_SYSTEMD_UNIT=ssh.service"]
  tag     = "ssh"
  # Left out: filebeat.inputs.id = ssh: the input has a name
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

output "kafka" "kafka" {
  brokers     = ["kafka-1:9092"]
  topic       = "lines"
  compression = "gzip"
}

pipeline "main" {
  from   = [input.tail.container_1, input.journald.ssh, input.tail.app]
  filter = [filter.parse.container_1, filter.where.container_1, filter.parse.app]
  to     = [output.kafka.kafka]
  # LEFT OUT: output.kafka.codec.format.string = %{[@timestamp]} %{[message]}: records go out as
  # JSON objects: nothing makes other text of them
}
