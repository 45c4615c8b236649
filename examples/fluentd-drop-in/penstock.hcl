# In the place of the fluentd on a server: the same port for the loggers in front of it, the same fluentd behind it.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "forward" "local" {
  listen = "127.0.0.1:24224"
}

input "tail" "app" {
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
  tag   = "app.${stem}"
}

output "forward" "tron" {
  server "tron" { address = "tron:24224" }
  peer = "fluentd"
}

pipeline "all" {
  from = [input.forward.local, input.tail.app]
  to   = [output.forward.tron]
}
