agent {
  data_dir = "/var/lib/penstock"
  # Changed: agents edge, disk: all of them run here, as pipelines edge_..., disk_...: take out
  # what other hosts run
}

# Shows: a Kafka channel without a sink, as a way into Kafka; two agents in one file.
input "syslog" "r1" {
  listen = ["tcp://0.0.0.0:10001", "tcp://0.0.0.0:10002", "tcp://0.0.0.0:10003"]
  # Changed: edge.sources.r1: records are objects with all fields of the message, as JSON: see
  # penstock help input.syslog
  tag = "r1"
  # Left out: edge.sources.r1.portHeader = port: write an input for each port
}

output "kafka" "kc" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "channel1"
}

pipeline "edge_main" {
  from = [input.syslog.r1]
  to   = [output.kafka.kc]
}

input "exec" "r1" {
  command  = ["/bin/sh", "-c", "vmstat 5"]
  interval = "5s"
  tag      = "r1"
}

output "elasticsearch" "es" {
  urls  = ["http://es-1:9200", "http://es-2:9200"]
  index = "vmstat-${strftime("%Y-%m-%d")}"
  # Changed: disk.sinks.es: the HTTP port, 9200, and not the transport's; records are the documents
  # Left out: disk.sinks.es.clusterName = acme: it is found out
}

pipeline "disk_main" {
  from = [input.exec.r1]
  to   = [output.elasticsearch.es]
  # Changed: disk.channels.c1.type = memory: the buffer is on disk, and survives a crash
}
