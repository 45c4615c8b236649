agent {
  data_dir = "/var/lib/penstock"
}

# Shows: inputs that ask clients for a certificate: by default with an authority, if they have one,
# and without one; a user whom the environment names.
input "http" "http_endpoint_1" {
  listen = "127.0.0.1:8081"
  tls {
    cert_file           = "/etc/filebeat/server.crt"
    key_file            = "/etc/filebeat/server.key"
    client_ca_file      = "/etc/filebeat/ca.crt"
    require_client_cert = true
  }
  tag = "http_endpoint_1"
}

input "http" "http_endpoint_2" {
  listen = "127.0.0.1:8082"
  auth {
    user "CHANGE-ME" {
      password = env("WEB_PASSWORD")
      # LEFT OUT: filebeat.inputs.username = ${WEB_USER}: the name of a user is written out: write
      # it in place of CHANGE-ME
    }
  }
  tag = "http_endpoint_2"
}

input "tcp" "tcp_3" {
  listen = "0.0.0.0:9000"
  tls {
    cert_file      = "/etc/filebeat/server.crt"
    key_file       = "/etc/filebeat/server.key"
    client_ca_file = "/etc/filebeat/ca.crt"
    # LEFT OUT: filebeat.inputs.ssl.certificate_authorities: put all into one file
  }
  tag = "tcp_3"
  # Changed: filebeat.inputs tcp: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "tcp_3" {
  if      = "tag == 'tcp_3'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "tcp" "tcp_4" {
  listen = "0.0.0.0:9001"
  tls {
    cert_file = "/etc/filebeat/server.crt"
    key_file  = "/etc/filebeat/server.key"
    # LEFT OUT: filebeat.inputs.ssl.client_authentication = required: write client_ca_file and
    # require_client_cert: clients without a certificate are let in now
  }
  tag = "tcp_4"
  # Changed: filebeat.inputs tcp: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "tcp_4" {
  if      = "tag == 'tcp_4'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "file" "file" {
  path   = "/var/archive/out"
  format = "ndjson"
}

pipeline "main" {
  from = [
    input.http.http_endpoint_1,
    input.http.http_endpoint_2,
    input.tcp.tcp_3,
    input.tcp.tcp_4,
  ]
  filter = [filter.parse.tcp_3, filter.parse.tcp_4]
  to     = [output.file.file]
}
