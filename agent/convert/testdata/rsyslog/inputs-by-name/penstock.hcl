agent {
  data_dir = "/var/lib/penstock"
  # Shows: conditions by the module, or the name, of an input.
  # Left out: module.load = imudp: inputs and outputs need no modules
  # Left out: module.load = imtcp: inputs and outputs need no modules
  # Left out: module.load = omkafka: inputs and outputs need no modules
}

input "syslog" "syslog" {
  listen = ["udp://0.0.0.0:514"]
  tag    = "syslog"
}

input "syslog" "syslog_2" {
  listen = ["tcp://0.0.0.0:514"]
  tag    = "syslog_2"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "datagrams"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "kafka" "kafka_2" {
  brokers = ["kafka:9092"]
  topic   = "nginx"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.syslog.syslog, input.syslog.syslog_2]
  route {
    if = "(tag == 'syslog' ? 'imudp' : 'wire') == 'imudp'"
    to = [output.kafka.kafka]
  }
  route {
    if = "(tag == 'syslog' ? 'imudp' : 'wire') == 'wire' and field.app_name == 'nginx'"
    to = [output.kafka.kafka_2]
  }
}
