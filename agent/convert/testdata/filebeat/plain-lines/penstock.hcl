agent {
  data_dir = "/var/lib/penstock"
}

# Shows: lines that stay lines by the codec, include_lines, a file as output, UTF-16, reading from
# the end.
input "tail" "log_1" {
  paths         = ["/var/log/windows.log"]
  start_at      = "end"
  max_line_size = "64KiB"
  long_lines    = "truncate"
  delimiter     = "\u2028"
  encoding      = "utf-16le"
  empty_lines   = "skip"
  tag           = "log_1"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "grep" "log_1" {
  include = ["^ERR", "^WARN"]
}

filter "grep" "log_1_2" {
  exclude = ["heartbeat"]
}

output "file" "file" {
  path = "/var/log/archive/errors.log"
  # Left out: output.file.rotate_every_kb = 10000: see rotate
}

pipeline "main" {
  from   = [input.tail.log_1]
  filter = [filter.grep.log_1, filter.grep.log_1_2]
  to     = [output.file.file]
}
