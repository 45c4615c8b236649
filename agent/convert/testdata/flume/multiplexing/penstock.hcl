agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a multiplexing selector with mappings and a default, a static interceptor that sets the
# header, a header that names topics.
input "tcp" "avro1" {
  listen = "0.0.0.0:6666"
  # Changed: a1.sources.avro1.ack-every-event: clients get no OK for a line
  tag = "avro1"
}

input "udp" "net1" {
  listen = "127.0.0.1:6667"
  tag    = "net1"
}

filter "set" "state" {
  if = "tag == 'avro1'"
  headers = {
    "state" = "'US'"
  }
  overwrite = false
}

output "kafka" "k1" {
  brokers = ["kafka:9092"]
  topic   = "czech"
  # LEFT OUT: a1.sinks.k1: events with a header dest went to the topic it names: write topic =
  # "${header["dest"]}" for a route of their own
}

output "kafka" "k2" {
  brokers = ["kafka:9092"]
  topic   = "america"
}

output "stdout" "k3" {
  # Changed: a1.sinks.k3: lines go to standard output whole, and not to the log
}

pipeline "main" {
  from   = [input.tcp.avro1, input.udp.net1]
  filter = [filter.set.state]
  # Changed: a1.channels.c1.type = memory: the buffer is on disk, and survives a crash
  # Changed: a1.channels.c2.type = memory: the buffer is on disk, and survives a crash
  # Changed: a1.channels.c3.type = memory: the buffer is on disk, and survives a crash
  route {
    if = "tag == 'avro1' and header['state'] == 'CZ'"
    to = [output.kafka.k1]
  }
  route {
    if = "tag == 'net1'"
    to = [output.kafka.k1]
  }
  route {
    if = "tag == 'avro1' and header['state'] == 'US'"
    to = [output.kafka.k2]
  }
  route {
    if = "tag == 'avro1' and (header['state'] == 'US' or not (header['state'] in ['CZ', 'US']))"
    to = [output.stdout.k3]
  }
}
