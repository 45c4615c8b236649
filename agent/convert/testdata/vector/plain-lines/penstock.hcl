agent {
  data_dir = "/var/lib/penstock"
  # Left out: sources.internal: penstock takes logs, not measures; see /metrics for its own
}

# Shows: lines that stay lines, several sources for several sinks, wildcards, exec, stdin,
# blackhole.
input "tail" "file_a" {
  paths = ["/var/log/a.log"]
  tag   = "file_a"
  # Changed: sources.file_a: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "tail" "file_b" {
  paths     = ["/var/log/b.log"]
  delimiter = "\n--\n"
  tag       = "file_b"
  # Changed: sources.file_b: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "exec" "vmstat" {
  command  = ["vmstat", "1", "1"]
  interval = "1m"
  tag      = "vmstat"
  # Changed: sources.vmstat: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

output "kafka" "files" {
  brokers = ["kafka:9092"]
  topic   = "files"
  # Left out: sinks.files.encoding.codec = text: records go out as they are
}

output "local" "all" {
  directory = "/var/log/archive"
  path      = "${strftime("%Y-%m-%d")}"
  # Changed: sinks.all.path = /var/log/archive/%Y-%m-%d/all.log: files appear whole, in directories
  # by that path, when they roll
  format "raw" {}
  compression = "gzip"
}

pipeline "main" {
  from = [input.tail.file_a, input.tail.file_b, input.exec.vmstat]
  to   = [output.local.all]
  route {
    if = "tag in ['file_a', 'file_b']"
    to = [output.kafka.files]
  }
}
