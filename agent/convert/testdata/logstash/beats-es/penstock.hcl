agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the beats input, which penstock does not speak; index by metadata, users, TLS.
input "http" "beats" {
  listen = "0.0.0.0:5044"
  # LEFT OUT: beats: penstock does not speak the Beats protocol: let penstock read the files there,
  # or have them sent by HTTP
  tag = "beats"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["https://es-1:9200", "https://es-2:9200"]
  index     = "${field.service}-${strftime("%Y.%m.%d")}"
  operation = "index"
  user      = "elastic"
  password  = env("ES_PASSWORD")
  id_header = "document_id"
  tls {
    insecure_skip_verify = true
  }
  # Left out: elasticsearch.manage_template = false: templates are set up by others
}

filter "set" "document_id" {
  headers = {
    document_id = "field.id"
  }
}

pipeline "main" {
  from   = [input.http.beats]
  filter = [filter.set.document_id]
  to     = [output.elasticsearch.elasticsearch]
}
