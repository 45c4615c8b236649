agent {
  data_dir = "/var/lib/penstock"
}

# Shows: inputs that ask clients for a certificate, with an authority and without one, which
# Logstash refuses; a user whom the environment names.
input "tcp" "tcp" {
  listen = "0.0.0.0:5000"
  tls {
    cert_file           = "/etc/logstash/server.crt"
    key_file            = "/etc/logstash/server.key"
    client_ca_file      = "/etc/logstash/ca.pem"
    require_client_cert = true
  }
  tag = "tcp"
  # Changed: tcp: @timestamp, @version, event, host and log are no fields: write filter "add_fields"
}

filter "parse" "tcp" {
  if      = "tag == 'tcp'"
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

input "http" "http" {
  listen = "0.0.0.0:8081"
  auth {
    user "CHANGE-ME" {
      password = env("WEB_PASSWORD")
      # LEFT OUT: http.user = ${WEB_USER}: the name of a user is written out: write it in place of
      # CHANGE-ME
    }
  }
  tag = "http"
}

input "http" "beats" {
  listen = "0.0.0.0:5044"
  tls {
    cert_file = "/etc/logstash/server.crt"
    key_file  = "/etc/logstash/server.key"
    # LEFT OUT: beats.ssl_verify_mode: write client_ca_file and require_client_cert: clients
    # without a certificate are let in now
  }
  # LEFT OUT: beats: penstock does not speak the Beats protocol: let penstock read the files there,
  # or have them sent by HTTP
  tag = "beats"
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  topic   = "logs"
}

pipeline "main" {
  from   = [input.tcp.tcp, input.http.http, input.http.beats]
  filter = [filter.parse.tcp]
  to     = [output.kafka.kafka]
}
