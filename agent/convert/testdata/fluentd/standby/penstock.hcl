agent {
  data_dir = "/var/lib/penstock"
}

# Shows: out_forward with a secondary that is out_forward, too.
input "tail" "app" {
  paths    = ["/var/log/app/*.log"]
  tag      = "app"
  start_at = "end"
  # Left out: pos_file /var/lib/fluentd/app.pos: positions are kept below data_dir
}

filter "parse" "app" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "forward" "forward" {
  peer = "fluentd"
  server "one.example.com" {
    address = "one.example.com:24224"
  }
  # Changed: <match app> forward without require_ack_response: chunks are acknowledged: without
  # acks some are lost whenever a connection breaks; write require_ack = false for that
  failover {
    to = output.forward.forward_standby
    # Changed: <secondary> forward: it is used once the destination has taken nothing for after,
    # and what went there stays there
  }
}

output "forward" "forward_standby" {
  peer = "fluentd"
  server "two.example.com" {
    address = "two.example.com:24224"
  }
  # Changed: <secondary> forward without require_ack_response: chunks are acknowledged: without
  # acks some are lost whenever a connection breaks; write require_ack = false for that
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.app]
  route {
    match = ["app"]
    to    = [output.forward.forward]
  }
}
