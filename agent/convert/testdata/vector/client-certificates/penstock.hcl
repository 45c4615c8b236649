agent {
  data_dir = "/var/lib/penstock"
}

# Shows: sources that ask clients for a certificate, with an authority and without one, and one
# that does not; a user whom the environment names.
input "http" "web" {
  listen = "0.0.0.0:8443"
  tag    = "web"
  tls {
    cert_file           = "/etc/vector/server.crt"
    key_file            = "/etc/vector/server.key"
    client_ca_file      = "/etc/vector/ca.pem"
    require_client_cert = true
  }
  # Changed: sources.web: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "http" "users" {
  listen = "0.0.0.0:8444"
  auth {
    user "CHANGE-ME" {
      password = env("WEB_PASSWORD")
      # LEFT OUT: sources.users.auth.username ...: the name of a user is written out: write it in
      # place of CHANGE-ME
    }
  }
  tag = "users"
  # Changed: sources.users: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "tcp" "lines" {
  listen = "0.0.0.0:9000"
  tag    = "lines"
  tls {
    cert_file = "/etc/vector/server.crt"
    key_file  = "/etc/vector/server.key"
    # LEFT OUT: sources.lines.tls.verify_certificate = true: write client_ca_file and
    # require_client_cert: clients without a certificate are let in now
  }
  # Changed: sources.lines: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

input "forward" "relays" {
  listen     = "0.0.0.0:24224"
  tag_prefix = "relays"
  tls {
    cert_file = "/etc/vector/server.crt"
    key_file  = "/etc/vector/server.key"
  }
  # Changed: sources.relays: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  if      = "tag == 'lines'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

output "kafka" "out" {
  brokers = ["kafka-1:9092"]
  topic   = "logs"
  # Left out: sinks.out.encoding.codec = json: records go out as they are
}

pipeline "main" {
  from   = [input.http.web, input.http.users, input.tcp.lines, input.forward.relays]
  filter = [filter.parse.message]
  to     = [output.kafka.out]
}
