agent {
  data_dir = "/var/lib/penstock"
  # Shows: a node of a cluster as its add-on ships it: containers of either runtime with what the
  # API
  # server knows, stack traces joined by an output, klog, the journal, choices by the environment.
  # Left out: <label @FLUENT_LOG>: the agent's own log goes to standard error: see agent.log
}

# The programs of Kubernetes itself
input "tail" "in_tail_kubelet" {
  paths    = ["/var/log/kubelet.log"]
  tag      = "kubelet"
  start_at = "end"
  multiline {
    start   = "^\\w\\d{4}"
    timeout = "5s"
  }
  # Left out: pos_file /var/log/fluentd-kubelet.log.pos: positions are kept below data_dir
}

filter "parse" "in_tail_kubelet" {
  if      = "tag == 'kubelet'"
  format  = "regex"
  pattern = "(?s)^(?P<severity>\\w)(?P<time>\\d{4} [^\\s]*)\\s+(?P<pid>\\d+)\\s+(?P<source>[^ \\]]+)\\] (?P<message>.*)"
}

filter "time" "in_tail_kubelet" {
  if      = "tag == 'kubelet'"
  field   = "time"
  formats = ["%m%d %H:%M:%S.%f"]
  # Changed: <parse> multiline time: a time that names no zone is UTC here, and local there: write
  # zone
  remove = true
}

input "tail" "in_tail_audit" {
  paths = ["/var/log/kube-apiserver-audit.log"]
  tag   = "audit"
  # Left out: pos_file /var/log/fluentd-audit.log.pos: positions are kept below data_dir
}

filter "time" "kube-apiserver-audit" {
  if      = "tag == 'audit'"
  field   = "requestReceivedTimestamp"
  formats = ["%Y-%m-%dT%H:%M:%S.%fZ"]
  # Changed: <parse> json requestReceivedTimestamp: a time that names no zone is UTC here, and
  # local there: write zone
}

# What the containers write
input "tail" "in_tail_containers" {
  paths           = ["/var/log/containers/*.log"]
  exclude         = ["/var/log/containers/fluentd*", "/var/log/containers/*_kube-system_*.log"]
  tag             = "kubernetes.${path_dots}"
  rescan_interval = "30s"
  container       = true
  # Changed: <source> tail multi_format: what the runtime has cut is put together, and the time
  # that it has written is the record's
  # Left out: time_format %Y-%m-%dT%H:%M:%S.%NZ: the runtime's lines are read as such
  # Left out: time_key time: the runtime's lines are read as such
  # Left out: keep_time_key true: the runtime's lines are read as such
  # Left out: time_format %Y-%m-%dT%H:%M:%S.%N%:z: the runtime's lines are read as such
  # Left out: pos_file /var/log/fluentd-containers.log.pos: positions are kept below data_dir
  kubernetes {
    node = env("NODE_NAME")
    # Changed: <filter kubernetes.**> kubernetes_metadata, node: NODE_NAME is to be this node's
    # name: give the pod that variable, from spec.nodeName
    annotations = ["*"]
    # Changed: annotation_match [".*"]: annotations come by their names, with a * at the end, not
    # by expressions: these are all
    honor_exclude = false
    tls {
      ca_file = "/etc/kubernetes/ca.crt"
    }
  }
}

filter "parse" "containers" {
  if      = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  if = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  fields = {
    stream = header.stream
  }
}

input "journald" "in_systemd_docker" {
  tag       = "docker"
  directory = env("JOURNAL_PATH", "/var/log/journal")
  from      = "beginning"
  matches   = ["_SYSTEMD_UNIT=docker.service"]
  # Left out: <storage>: positions are kept below data_dir
  # Left out: fields_strip_underscores true: penstock has nothing of this name here
}

# One record of each stack trace
filter "multiline" "raw_kubernetes" {
  if        = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  field     = "log"
  presets   = ["java", "python", "go"]
  key       = "string(field.stream ?? '')"
  timeout   = "5s"
  max_lines = 1000
  max_size  = "500000B"
  # Changed: remove_tag_prefix raw: the inputs, or the rules, give the tag without it
}

# JSON that the applications write themselves
filter "set" "filter_kube_metadata" {
  if = "tag matches '^(?:kubernetes(?:[.].*)?)$' and header.pod != nil"
  fields = {
    docker     = "{container_id: header.container_id}"
    kubernetes = "{pod_name: header.pod, namespace_name: header.namespace, pod_id: header.uid, host: header.node, container_name: header.container, labels: headers('labels.'), annotations: headers('annotations.')}"
  }
  # Changed: <filter kubernetes.**> kubernetes_metadata: the image, the pod's address, the
  # namespace's labels and master_url are not told; the headers go with the record
  # Left out: skip_namespace_metadata true: namespaces are not asked for
  # Left out: skip_master_url true: it is not told
  # Left out: watch false: one watch of the API server, for the pods of this node
  # Left out: de_dot true: labels keep their names
  # Changed: kubernetes_url #{ENV['FLUENT_FILTER_KUBERNETES_URL'] || use_default}: a variable
  # decides this: it is taken as not set
}

filter "parse" "filter_parser" {
  if     = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  format = "json"
  field  = "log"
  # Changed: @type #{ENV['FLUENT_APP_PARSER'] || 'json'}: a variable decides this: it is taken as
  # not set
}

filter "remove_fields" "filter_parser" {
  if     = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  fields = ["time"]
}

filter "add_fields" "record_transformer" {
  if = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  fields = {
    cluster   = env("CLUSTER_NAME")
    namespace = field.kubernetes.namespace_name
  }
}

# Not what probes ask, and no identifiers of clients
filter "remove_fields" "record_transformer" {
  if     = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  fields = ["kubernetes.labels.pod-template-hash", "stream"]
}

filter "grep" "grep" {
  if      = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  field   = "path"
  exclude = ["^/(healthz|readyz)$"]
}

filter "grep" "grep_2" {
  if      = "tag matches '^(?:kubernetes(?:[.].*)?)$'"
  field   = "user_agent"
  exclude = ["^kube\\-probe[/.\\-]"]
}

output "kafka" "out_payments" {
  brokers = split(",", env("KAFKA_BROKERS"))
  topic   = "${header.topic}"
  # Changed: default_topic payments: the topic stands in a header, too, which filter "set" gives to
  # each record
  compression = "gzip"
  # Left out: path /var/log/fluentd-buffers/payments.buffer: buffers lie below data_dir
  # Left out: flush_interval 3s: outputs read the buffer all the time, at their own pace
}

filter "set" "out_payments_topic" {
  if = "tag matches '^(?:kubernetes[.]var[.]log[.]containers(?:[.].*)?payments(?:.*[.])?log)$'"
  headers = {
    topic = "field.topic ?? 'payments'"
  }
}

output "elasticsearch" "out_es" {
  urls     = ["https://${env("FLUENT_ELASTICSEARCH_HOST")}:9200"]
  index    = "k8s-${strftime("%Y.%m.%d")}"
  user     = env("FLUENT_ELASTICSEARCH_USER")
  password = env("FLUENT_ELASTICSEARCH_PASSWORD")
  retry {
    max = "30s"
  }
  # Left out: flush_thread_count 8: outputs read the buffer all the time, at their own pace
  # Left out: flush_interval 5s: outputs read the buffer all the time, at their own pace
  # Left out: chunk_limit_size 2M: a buffer has no chunks
  # Left out: queue_limit_length 32: see buffer.max_size
  # Left out: retry_forever true: attempts never end, and nothing is given up
  # Left out: reload_connections false: all urls are tried
  # Left out: reconnect_on_error true: it always does
}

output "s3" "s3" {
  bucket = "audit-logs"
  region = "eu-central-1"
  roll {
    age = "1h"
  }
  prefix = "audit"
  path   = "${strftime("%Y/%m/%d")}"
  # Changed: <match audit> s3 object names: objects are named by the positions of what is in them,
  # so that none is written twice
  compression = "gzip"
  format "ndjson" {}
  # Changed: <match audit> s3 format: lines are the JSON of the record, without time and tag before
  # it
  # Left out: timekey_wait 10m: a cut waits for nothing; late records go where their own time says
}

pipeline "main" {
  from = [
    input.tail.in_tail_kubelet,
    input.tail.in_tail_audit,
    input.tail.in_tail_containers,
    input.journald.in_systemd_docker,
  ]
  filter = [
    filter.parse.in_tail_kubelet,
    filter.time.in_tail_kubelet,
    filter.time.kube-apiserver-audit,
    filter.parse.containers,
    filter.add_fields.stream,
    filter.multiline.raw_kubernetes,
    filter.set.filter_kube_metadata,
    filter.parse.filter_parser,
    filter.remove_fields.filter_parser,
    filter.add_fields.record_transformer,
    filter.remove_fields.record_transformer,
    filter.grep.grep,
    filter.grep.grep_2,
    filter.set.out_payments_topic,
  ]
  # Changed: <source> tail multiline: a line that does not match passes as it is; fluentd leaves it
  # out, with a warning
  # Changed: <source> tail json: a line that does not match passes as it is; fluentd leaves it out,
  # with a warning
  buffer {
    max_size = "2GiB"
  }
  route {
    match = ["kubernetes.var.log.containers.**payments**.log"]
    to    = [output.kafka.out_payments]
  }
  route {
    if = "tag matches '^(?:(?:kubernetes|kubelet|docker)(?:[.].*)?)$' and not (tag matches '^(?:kubernetes[.]var[.]log[.]containers(?:[.].*)?payments(?:.*[.])?log)$')"
    to = [output.elasticsearch.out_es]
  }
  route {
    match = ["audit"]
    to    = [output.s3.s3]
  }
}
