# Shows: sources, transforms, sinks and VRL that penstock has not, inputs that are nowhere.
agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: sources.s3: there is no such input; see penstock help for those there are
  # LEFT OUT: transforms.sum.inputs: there is no nowhere
  # LEFT OUT: sinks.loki: there is no such output; see penstock help for those there are
  # LEFT OUT: sinks.dd: there is no such output; see penstock help for those there are
}

input "tail" "k8s" {
  paths        = ["/var/log/containers/*.log"]
  path_pattern = "/(?P<pod>[^_/]+)_(?P<namespace>[^_]+)_(?P<container>.+)-[0-9a-f]{64}\\.log$"
  # LEFT OUT: sources.k8s: pod, namespace and container come from the path, as headers; labels with
  # a kubernetes block, and exclude for what is not wanted
  tag = "k8s"
  # Changed: sources.k8s: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.k8s]
  filter = [filter.parse.message]
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
  # LEFT OUT: transforms.sum: there is no such filter; see penstock help for those there are
}
