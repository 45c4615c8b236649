agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:9080"
    # Changed: server.http_listen_port = 9080: the status page and /metrics, on loopback
  }
  # Left out: server.grpc_listen_port = 0: there is no gRPC
  # Left out: positions.filename = /tmp/positions.yaml: positions are kept below data_dir: see
  # penstock import-positions
}

# the system's logs
input "tail" "system" {
  tag         = "system"
  paths       = ["/var/log/*log"]
  exclude     = ["/var/log/wtmp*"]
  path_header = "filename"
}

filter "set" "system" {
  headers = {
    job = "'varlogs'"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: the example of promtail's documentation: positions, a client, files with labels; an
# exclusion.
pipeline "main" {
  from   = [input.tail.system]
  filter = [filter.set.system]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
