agent {
  data_dir = "/var/lib/penstock"
}

# Shows: containers: cri, tag with *, grep on nested fields, forward with TLS.
input "tail" "kube" {
  paths           = ["/var/log/containers/*.log"]
  tag             = "kube.${path_dots}"
  start_at        = "end"
  rescan_interval = "5s"
  container       = true
  # Changed: multiline.parser docker, cri: the time that the runtime has written is the record's,
  # not a field
  path_header = "path"
}

filter "parse" "kube" {
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

filter "add_fields" "stream" {
  fields = {
    stream = header.stream
  }
}

filter "add_fields" "file" {
  fields = {
    file = header.path
  }
}

filter "where" "grep" {
  if        = "tag matches '^(?:kube(?:[.].*)?)$'"
  condition = "type(field.kubernetes.labels.app) == 'string' and field.kubernetes.labels.app matches 'web'"
}

output "forward" "forward" {
  peer = "fluentd"
  server "main" {
    address = "relay:24224"
  }
  shared_key  = env("SHARED_KEY")
  compression = "gzip"
  tls {
    ca_file = "/etc/ca.pem"
  }
}

pipeline "main" {
  from = [input.tail.kube]
  filter = [
    filter.parse.kube,
    filter.add_fields.stream,
    filter.add_fields.file,
    filter.where.grep,
  ]
  route {
    match = ["kube.**"]
    to    = [output.forward.forward]
  }
}
