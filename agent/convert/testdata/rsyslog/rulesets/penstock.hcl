agent {
  data_dir = "/var/lib/penstock"
}

# Shows: rulesets bound to inputs, calls, if and else.
input "tail" "a" {
  paths = ["/var/log/a.log"]
  tag   = "a"
}

input "tail" "b" {
  paths = ["/var/log/b.log"]
  tag   = "b"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "errors"
}

output "file" "file" {
  path = "/var/log/common.log"
}

pipeline "main" {
  from = [input.tail.a, input.tail.b]
  route {
    if = "(tag == 'a' and (value contains 'error' or value startsWith 'panic'))"
    to = [output.kafka.kafka]
  }
  route {
    if = "(tag == 'a' and (not (value contains 'error' or value startsWith 'panic')))"
    to = [output.file.file]
  }
  route {
    if = "tag == 'b'"
    to = [output.file.file]
  }
}
