agent {
  data_dir = "/var/lib/penstock"
}

# Shows: every output that matches gets a copy; patterns with * at the end, in the middle and
# alone; null.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

output "stdout" "stdout" {
  format = "full"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es-1:9200"]
  index     = "app-${strftime("%Y.%m.%d")}"
  user      = "elastic"
  password  = env("ES_PASSWORD")
  tag_field = "_flb-key"
  tls {
    insecure_skip_verify = true
  }
  # Left out: suppress_type_name On: Elasticsearch has no types any more
}

output "http" "http" {
  url    = "http://hooks.example.org:80/errors"
  format = "json"
  # Changed: OUTPUT http json_date_key date: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  compression = "none"
  headers = {
    "X-Team" = "web"
  }
}

pipeline "main" {
  from = [input.forward.forward]
  to   = [output.stdout.stdout]
  route {
    match = ["app.**"]
    to    = [output.elasticsearch.elasticsearch]
  }
  route {
    if = "tag matches '^.*\\\\.error$'"
    to = [output.http.http]
  }
}
