agent {
  data_dir = "/var/lib/penstock"
}

# Shows: in_forward with TLS and users, out_forward with servers, weights, a standby and a
# secondary file.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
  tls {
    cert_file           = "/etc/fluentd/server.pem"
    key_file            = "/etc/fluentd/server.key"
    client_ca_file      = "/etc/fluentd/ca.pem"
    require_client_cert = true
  }
  security {
    self_hostname = "relay.example.org"
    shared_key    = "hunter2hunter2"
    user_auth     = true
    user "web" {
      password = "hunter2hunter2"
    }
    user "CHANGE-ME" {
      password = env("RELAY_PASSWORD")
      # LEFT OUT: username #{ENV['RELAY_USER']}: the name of a user is written out: write it in
      # place of CHANGE-ME
    }
    client {
      network = "10.0.0.0/8"
    }
  }
}

output "forward" "forward" {
  peer = "fluentd"
  server "one" {
    address = "10.1.0.1:24224"
    weight  = 60
  }
  server "10.1.0.2" {
    address = "10.1.0.2:24225"
    standby = true
  }
  shared_key    = env("SHARED_KEY")
  self_hostname = "relay.example.org"
  ack_timeout   = "50s"
  compression   = "gzip"
  tls {
    ca_file = "/etc/fluentd/ca.pem"
  }
  failover {
    to = output.local.forward_overflow
    # Changed: <secondary> secondary_file: it is used once the destination has taken nothing for
    # after, and what went there is sent on by itself when the destination is back
    # Left out: basename dump.${chunk_id}: objects are named by what is in them
  }
}

output "local" "forward_overflow" {
  directory = "/var/log/fluentd/failed"
}

pipeline "main" {
  from = [input.forward.forward]
  to   = [output.forward.forward]
}
