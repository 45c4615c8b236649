agent {
  data_dir = "/var/lib/penstock"
}

# Shows: UDP and TCP inputs, both grammars, conditions on programs.
input "syslog" "syslog" {
  listen = ["udp://0.0.0.0:514"]
  tag    = "syslog"
}

input "syslog" "syslog_2" {
  listen = ["tcp://127.0.0.1:10514"]
  tag    = "syslog_2"
}

output "file" "file" {
  path = "/var/log/sshd.log"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "syslog"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.syslog.syslog, input.syslog.syslog_2]
  route {
    if = "field.app_name == 'sshd'"
    to = [output.file.file]
  }
  route {
    if = "not ( field.app_name startsWith 'cron' )"
    to = [output.kafka.kafka]
  }
}
