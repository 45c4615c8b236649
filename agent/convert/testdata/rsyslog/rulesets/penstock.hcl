agent {
  data_dir = "/var/lib/penstock"
}

# Shows: rulesets bound to inputs, calls, if and else.
input "tail" "a" {
  paths       = ["/var/log/a.log"]
  empty_lines = "skip"
  tag         = "a"
}

input "tail" "b" {
  paths       = ["/var/log/b.log"]
  empty_lines = "skip"
  tag         = "b"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "errors"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "file" "file" {
  path = "/var/log/common.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
}

pipeline "main" {
  from = [input.tail.a, input.tail.b]
  route {
    if = "tag == 'a' and (value contains 'error' or value startsWith 'panic')"
    to = [output.kafka.kafka]
  }
  route {
    if = "tag == 'a' and not (value contains 'error' or value startsWith 'panic')"
    to = [output.file.file]
  }
  route {
    if = "tag == 'b'"
    to = [output.file.file]
  }
}
