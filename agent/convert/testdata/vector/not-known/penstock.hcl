# Shows: sources, transforms, sinks and VRL that penstock has not, inputs that are nowhere.
agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: sources.s3: penstock reads no objects: have what writes them send by HTTP, or to Kafka
  # LEFT OUT: transforms.sum.inputs: there is no nowhere
  # LEFT OUT: sinks.loki: there is no such output; see penstock help for those there are
  # LEFT OUT: sinks.dd: there is no such output; see penstock help for those there are
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

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "set" "kubernetes" {
  if = "header.pod != nil"
  fields = {
    kubernetes = "{pod_name: header.pod, pod_namespace: header.namespace, pod_uid: header.uid, pod_node_name: header.node, container_name: header.container, container_id: header.container_id, pod_labels: headers('labels.'), pod_annotations: headers('annotations.')}"
    stream     = "header.stream"
    file       = "origin"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.k8s]
  filter = [filter.parse.message, filter.set.kubernetes]
  to     = [output.stdout.nothing]
  # LEFT OUT: odd: .ip = ip_to_ipv6!(.client): penstock has no function like ip_to_ipv6; write
  # filters for it
  # LEFT OUT: odd: . = map_keys(.) -> |key| { upcase(key) }: penstock has no function like
  # map_keys; write filters for it
  # LEFT OUT: odd: .list = for_each(.items) -> |i, v| { log(v) }: penstock has no function like
  # for_each; write filters for it
  # LEFT OUT: odd: if parse_int!(.x, 16) > 3: penstock has no function like parse_int; write the
  # condition
  # Left out: odd: log("hello", level: "info"): see /tap of the admin server
  # Changed: transforms.odd: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # LEFT OUT: transforms.sum: nothing is put together of several records, but lines by filter
  # "multiline"
}
