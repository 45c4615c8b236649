agent {
  data_dir = "/var/lib/penstock"
}

# Shows: output logstash, which penstock cannot speak; tags; shipper fields under the root.
input "tail" "web" {
  paths       = ["/var/log/web.log"]
  empty_lines = "skip"
  tag         = "web"
  # Changed: filebeat.inputs filestream: @timestamp, agent, ecs, host, input and log are no fields:
  # write filter "add_fields"
  # Left out: filebeat.inputs.id = web: the input has a name
}

filter "parse" "web" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "set" "web_tags" {
  fields = {
    tags = "concat(field.tags ?? [], ['web'])"
  }
}

filter "add_fields" "shipper" {
  fields = {
    dc = "fra1"
  }
}

output "http" "http" {
  url = "http://logstash-1:8080"
  # LEFT OUT: output.logstash: penstock does not speak the Beats protocol: give Logstash an input
  # http, or let penstock do what Logstash does and write to where it writes
  tls {
    ca_file = "/etc/pki/ca.pem"
  }
  # Left out: output.logstash.loadbalance = true: requests go round all of them
}

pipeline "main" {
  from   = [input.tail.web]
  filter = [filter.parse.web, filter.set.web_tags, filter.add_fields.shipper]
  to     = [output.http.http]
}
