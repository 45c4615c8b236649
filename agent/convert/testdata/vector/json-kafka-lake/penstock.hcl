agent {
  data_dir = "/var/lib/penstock"
  # Shows: a codec of JSON, branches of a route, Kafka with librdkafka's settings, S3 with a role
  # and a key.
  # Left out: data_dir = /var/lib/vector: see agent.data_dir
  # LEFT OUT: sinks.loki: there is no such output; see penstock help for those there are
}

input "tail" "k8s" {
  paths     = ["/var/log/pods/*/*/*.log"]
  container = true
  kubernetes {
    node          = env("VECTOR_SELF_NODE_NAME")
    annotations   = ["*"]
    honor_exclude = false
    # Changed: sources.k8s: labels of namespaces and nodes, pod_ip and container_image are not
    # told; vector.dev/exclude of a pod is not asked for; the headers go with the record
  }
  tag = "k8s"
  # Changed: sources.k8s: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
  # LEFT OUT: sources.k8s.extra_label_selector = app=web: penstock has nothing of this name here
}

input "tail" "app" {
  paths        = ["/var/log/app/*.json"]
  ignore_older = "10m"
  tag          = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "kafka" "in" {
  brokers = ["k:9092"]
  group   = "g"
  topics  = ["a"]
  start   = "latest"
}

filter "parse" "json" {
  if     = "tag == 'app'"
  format = "json"
}

filter "parse" "message" {
  if      = "tag == 'k8s'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "set" "kubernetes" {
  if = "tag == 'k8s' and header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, pod_namespace: header.namespace, pod_uid: header.uid, pod_node_name: header.node, container_name: header.container, container_id: header.container_id, pod_labels: headers('labels.'), pod_annotations: headers('annotations.')}"
    stream     = "header.stream"
    file       = "origin"
  }
}

filter "set" "p" {
  if = "tag == 'app'"
  fields = {
    vector_text = "field.message"
  }
  # Left out: transforms.p.reroute_dropped = true: see on_failure, and dead_letter of outputs
}

filter "parse" "p" {
  if     = "tag == 'app'"
  format = "json"
  field  = "vector_text"
}

filter "remove_fields" "p" {
  if     = "tag == 'app'"
  fields = ["vector_text"]
}

filter "add_fields" "p" {
  if = "tag == 'app'"
  fields = {
    env = env("ENV")
  }
}

filter "remove_fields" "p_2" {
  if     = "tag == 'app'"
  fields = ["tmp"]
}

filter "set" "p_2" {
  if = "tag == 'app'"
  fields = {
    level = "lower(field.level)"
  }
}

output "kafka" "err" {
  brokers = split(",", env("BROKERS"))
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = env("U")
    password  = env("P")
  }
  linger          = "50ms"
  batch_max_bytes = "2MB"
  topic           = "err-${field.env}"
  key             = "${field.user.id}"
  compression     = "zstd"
  # LEFT OUT: sinks.err.encoding.except_fields: filters are for all outputs, and work before
  # topics, paths and routes are made: have a pipeline of its own, with filter "remove_fields"
  # Left out: sinks.err.acknowledgements.enabled = true: what is read counts when it is on disk,
  # always
  # Left out: sinks.err.headers_key = headers: headers of records go along
  # Left out: sinks.err.encoding.codec = json: records go out as they are
  # Left out: sinks.err.encoding.timestamp_format = rfc3339: times in fields stay as they are
}

output "s3" "lake" {
  bucket        = "lake"
  region        = "eu-west-1"
  storage_class = "STANDARD_IA"
  assume_role {
    arn = "arn:aws:iam::1:role/r"
  }
  encryption {
    type       = "aws:kms"
    kms_key_id = "abc"
  }
  path = "dt=${strftime("%Y-%m-%d")}/hour=${strftime("%H")}/${field.env}"
  # Changed: sinks.lake.filename_extension = json.gz: an object's name tells which records are in
  # it, so that none is written twice
  compression = "gzip"
  format "ndjson" {}
  roll {
    age  = "5m"
    size = "100MB"
  }
  # Left out: sinks.lake.tags.team = x: penstock has nothing of this name here
  # Left out: sinks.lake.buffer.type = disk: the buffer is on disk: see buffer of the pipeline
  # Left out: sinks.lake.buffer.max_size = 1073741824: the buffer is one for all outputs: see
  # buffer.max_size
}

pipeline "main" {
  from = [input.tail.k8s, input.tail.app]
  filter = [
    filter.parse.json,
    filter.parse.message,
    filter.set.kubernetes,
    filter.set.p,
    filter.parse.p,
    filter.remove_fields.p,
    filter.add_fields.p,
    filter.remove_fields.p_2,
    filter.set.p_2,
  ]
  # LEFT OUT: sources.in: a pipeline reads Kafka or a buffer: write a pipeline of its own for it
  # LEFT OUT: p: .ts = parse_timestamp!(.time, format: "%+"): penstock has no format like
  # parse_timestamp
  # LEFT OUT: p: if exists(.user) { .user = sha2(.user) }: .user = sha2(.user): penstock has no
  # function like sha2; write filters for it
  # Changed: transforms.p.drop_on_error: what fails passes as it is: see on_failure
  route {
    if = "tag == 'app' and (field.level == 'error' or (field.x in ['a', 'b']))"
    to = [output.kafka.err]
  }
  route {
    if = "tag == 'app' and not (field.level == 'error' or (field.x in ['a', 'b']))"
    to = [output.s3.lake]
  }
}
