agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: a1.sources.avro.channels: there is no channel c9
  # LEFT OUT: a1.sources.jms: there is no such input; see penstock help for those there are
  # Shows: sources and sinks that penstock has not, an Avro source, sinks that share a channel,
  # wrong names.
  # LEFT OUT: a1.sources.gone: nothing is said of it
  # LEFT OUT: a1.sinks.hbase: there is no such output; see penstock help for those there are
  # LEFT OUT: a1.sinks.k3: it took a share of channel c2; now sink k1 takes all of it
}

input "forward" "avro" {
  listen = "0.0.0.0:4141"
  # LEFT OUT: a1.sources.avro.keystore = /etc/flume/keystore.jks: a Java keystore: write tls { },
  # with cert_file and key_file as PEM files: it listens without now
  # LEFT OUT: a1.sources.avro: penstock does not speak avro: let what sends here send by the
  # Fluentd forward protocol, as penstock's output "forward" does, or by HTTP
  tag_prefix = "avro"
}

output "http" "web" {
  url          = "http://localhost:8080/someuri"
  format       = "lines"
  content_type = "application/json"
  # Changed: a1.sinks.web: a request holds a batch of lines, not one event
  # Left out: a1.sinks.web.defaultBackoff = true: 429 and 5xx are tried again, what else is refused
  # is a dead letter
}

output "kafka" "k1" {
  brokers = ["kafka:9092"]
  topic   = "t"
}

pipeline "main" {
  from = [input.forward.avro]
  to   = [output.http.web, output.kafka.k1]
  # Changed: a1.channels.c1.type = jdbc: the buffer is penstock's own, on disk
  # Changed: a1.channels.c2.type = memory: the buffer is on disk, and survives a crash
}
