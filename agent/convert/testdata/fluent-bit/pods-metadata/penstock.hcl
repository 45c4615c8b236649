# Shows: the filter kubernetes: what the API server knows of pods as a field, JSON out of the log,
# a parser of one's own for the runtime's lines, tags by labels.
agent {
  data_dir = "/var/lib/penstock"
  log {
    level = "info"
  }
  # Left out: flush 5: outputs read the buffer all the time
}

input "tail" "kube" {
  paths     = ["/var/log/containers/*.log"]
  exclude   = ["/var/log/containers/fluent-bit*"]
  tag       = "kube.${path_dots}"
  container = true
  # Changed: multiline.parser docker, cri: the time that the runtime has written is the record's,
  # not a field
  # Left out: db /var/fluent-bit/pods.db: positions are kept below data_dir
  # Left out: mem_buf_limit 50MB: the buffer is on disk: see buffer.max_size
  kubernetes {
    node = env("NODE_NAME")
    # Changed: FILTER kubernetes, node: NODE_NAME is to be this node's name: give the pod that
    # variable, from spec.nodeName
  }
}

filter "parse" "kube" {
  if      = "tag matches '^(?:kube(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  if = "tag matches '^(?:kube(?:[.].*)?)$'"
  fields = {
    stream = header.stream
  }
}

input "tail" "infra" {
  paths     = ["/var/log/infra/*.log"]
  tag       = "infra.${path_dots}"
  start_at  = "end"
  container = true
  # Changed: parser containerd: the time that the runtime has written is the record's, not a field
  # Changed: parser containerd, parts of lines: what the runtime has cut is put together
  # Left out: db /var/fluent-bit/infra.db: positions are kept below data_dir
  kubernetes {
    node = env("NODE_NAME")
    # Changed: FILTER kubernetes, node: NODE_NAME is to be this node's name: give the pod that
    # variable, from spec.nodeName
    server        = "https://api.internal:6443"
    labels        = []
    annotations   = ["*"]
    honor_exclude = false
    tls {
      # Left out: kube_ca_file /etc/kube/ca.pem: nothing is verified here
      insecure_skip_verify = true
    }
  }
}

filter "parse" "infra" {
  if      = "tag matches '^(?:infra(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream_2" {
  if = "tag matches '^(?:infra(?:[.].*)?)$'"
  fields = {
    stream = header.stream
  }
}

filter "set" "kubernetes" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, namespace_name: header.namespace, pod_id: header.uid, host: header.node, container_name: header.container, docker_id: header.container_id, labels: headers('labels.')}"
  }
  # Changed: FILTER kubernetes: container_image, container_hash and pod_ip are not told; the
  # headers go with the record
  # Left out: kube_tag_prefix kube.var.log.containers.: pods are told by the path of the file
  # Left out: k8s-logging.parser On: no annotation names a parser: write filter "parse" with if
  # Left out: buffer_size 0: answers are read as long as they are
}

filter "parse" "kubernetes" {
  if     = "tag matches '^(?:kube(?:[.].*)?)$' and field.log startsWith '{'"
  format = "json"
  field  = "log"
  into   = "app"
}

filter "set" "kubernetes_2" {
  if = "tag matches '^(?:infra(?:[.].*)?)$' and header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, namespace_name: header.namespace, pod_id: header.uid, host: header.node, container_name: header.container, docker_id: header.container_id, annotations: headers('annotations.')}"
  }
  # Changed: FILTER kubernetes: container_image, container_hash and pod_ip are not told; the
  # headers go with the record
}

filter "drop" "grep" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and type(field.kubernetes.namespace_name) == 'string' and field.kubernetes.namespace_name matches '^kube-system$'"
}

filter "set" "rewrite_tag" {
  if = "tag matches '^(?:kube(?:[.].*)?)$' and type(field.kubernetes.labels.team) == 'string' and field.kubernetes.labels.team matches '^(.+)$' and header.new_tag == nil and header.copied_tag == nil"
  headers = {
    new_tag = "'team.' + string(field.kubernetes.labels.team)"
  }
  # Changed: FILTER rewrite_tag rule $kubernetes['labels']['team'] ^(.+)$ team.$1 false: the new
  # tag is the record's header new_tag, by which routes choose
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "teams"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

output "kafka" "kafka_2" {
  brokers = ["k1:9092"]
  topic   = "all"
  # Changed: OUTPUT kafka timestamp_key @timestamp: the time is that of the Kafka record; for a
  # field write filter "add_fields" with ${time}
}

pipeline "main" {
  from = [input.tail.kube, input.tail.infra]
  filter = [
    filter.parse.kube,
    filter.add_fields.stream,
    filter.parse.infra,
    filter.add_fields.stream_2,
    filter.set.kubernetes,
    filter.parse.kubernetes,
    filter.set.kubernetes_2,
    filter.drop.grep,
    filter.set.rewrite_tag,
  ]
  to = [output.kafka.kafka_2]
  route {
    if = "(header.new_tag ?? tag) matches '^(?:team(?:[.].*)?)$'"
    to = [output.kafka.kafka]
  }
}
