agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "spool" {
  paths                = ["/var/spool/billing/*"]
  exclude              = ["/var/spool/billing/*.COMPLETED", "/var/spool/billing/*.tmp"]
  partial_line_timeout = "5s"
  # Changed: a1.sources.spool: files are not renamed when they have been read; penstock remembers
  # them: see after_read
  max_line_size = "64KiB"
  encoding      = "latin-1"
  tag           = "spool"
}

filter "set" "spool_headers" {
  headers = {
    "basename" = "last(split(origin, '/'))"
  }
}

# Shows: load-balanced Avro sinks to a second tier, spooldir with patterns and a character set.
output "forward" "g1" {
  peer        = "penstock"
  compression = "gzip"
  server "k1" {
    address = "collector-1:4545"
  }
  server "k2" {
    address = "collector-2:4545"
  }
  # LEFT OUT: a1.sinks.k1.type = avro: penstock does not speak Avro's RPC: the other side has to be
  # a penstock with input "forward", which headers come to as well, or a fluentd, without peer
  # Left out: a1.sinkgroups.g1.processor.backoff = true: see recover_wait
  # Left out: a1.sinkgroups.g1.processor.selector = random: all servers get their share
}

pipeline "main" {
  from   = [input.tail.spool]
  filter = [filter.set.spool_headers]
  to     = [output.forward.g1]
}
