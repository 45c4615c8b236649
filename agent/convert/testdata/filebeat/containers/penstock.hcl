agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:5066"
    # Changed: http.enabled: the status page and /metrics
  }
  # Left out: queue.disk.max_size = 10GB: see buffer.max_size
}

# Shows: container logs with metadata, TCP, UDP and syslog inputs, HTTP, queue settings.
input "tail" "container_1" {
  paths     = ["/var/log/containers/*.log"]
  tag       = "container_1"
  container = true
  # Changed: filebeat.inputs: the time that the runtime has written is the record's, not a field
  # Changed: filebeat.inputs container: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  kubernetes {
    node          = env("NODE_NAME")
    honor_exclude = false
  }
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

filter "set" "add_kubernetes_metadata" {
  if = "tag == 'container_1' and header.pod != nil"
  fields = {
    kubernetes = "{namespace: header.namespace, pod: {name: header.pod, uid: header.uid}, node: {name: header.node}, container: {name: header.container}, labels: headers('labels.')}"
  }
  # Changed: filebeat.inputs.processors.add_kubernetes_metadata: what it tells of namespaces, nodes
  # and images is not told; the headers go with the record
}

input "tcp" "tcp_2" {
  listen        = "0.0.0.0:9000"
  max_line_size = "20MiB"
  tag           = "tcp_2"
  # Changed: filebeat.inputs tcp: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "tcp_2" {
  if      = "tag == 'tcp_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "udp" "udp_3" {
  listen = "0.0.0.0:9001"
  tag    = "udp_3"
  # Changed: filebeat.inputs udp: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "udp_3" {
  if      = "tag == 'udp_3'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "syslog" "syslog_4" {
  listen = ["udp://0.0.0.0:514"]
  # Changed: filebeat.inputs: fields are called as penstock calls them: see penstock help
  # input.syslog
  tag = "syslog_4"
}

input "http" "http_endpoint_5" {
  listen = "0.0.0.0:8080"
  tag    = "http_endpoint_5"
}

output "elasticsearch" "elasticsearch" {
  urls     = ["http://es:9200"]
  index    = "filebeat-8-${strftime("%Y.%m.%d")}"
  user     = "elastic"
  password = "hunter2"
}

pipeline "main" {
  from = [
    input.tail.container_1,
    input.tcp.tcp_2,
    input.udp.udp_3,
    input.syslog.syslog_4,
    input.http.http_endpoint_5,
  ]
  filter = [
    filter.parse.container_1,
    filter.add_fields.container_1_stream,
    filter.set.add_kubernetes_metadata,
    filter.parse.tcp_2,
    filter.parse.udp_3,
  ]
  to = [output.elasticsearch.elasticsearch]
}
