agent {
  data_dir = "/var/lib/penstock"
  # Shows: & stop behind an if, behind a filter, and behind one that is not known; TLS of an input.
  # Left out: module.load = imfile: inputs and outputs need no modules
  # LEFT OUT: module.StreamDriver.Mode = 1: write tls { } in the input, with cert_file and
  # key_file: it listens without now
  # Left out: module.load = imtcp: inputs and outputs need no modules
  # Left out: module.StreamDriver.Name = gtls: components have names of their own
  # Left out: module.StreamDriver.AuthMode = anon: penstock has nothing of this name here
  # Left out: module.load = omkafka: inputs and outputs need no modules
}

input "tail" "app" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "app"
}

output "file" "file" {
  path = "/var/log/noise.log"
}

output "file" "file_2" {
  path = "/var/log/audit.log"
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  topic   = "app"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.tail.app]
  # Left out: local3.* /var/log/local3.log: nothing that comes here has this facility and severity
  route {
    if = "value contains 'noise'"
    to = [output.file.file]
  }
  route {
    if = "value startsWith 'AUDIT' and not (value contains 'noise')"
    to = [output.file.file_2]
  }
  route {
    if = "not (value contains 'noise') and not (value startsWith 'AUDIT')"
    to = [output.kafka.kafka]
  }
}
