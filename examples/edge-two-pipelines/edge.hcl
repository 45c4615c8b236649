# One log, two ways: every line goes to Kafka as it is, and logins are parsed and archived apart. The log
# is read once. Each pipeline has a buffer, filters and a pace of its own: what keeps one of them back
# does not keep the other.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "app" {
  paths = ["/var/log/app/*.log"]
}

output "kafka" "events" {
  brokers = ["kafka-1:9092"]
  topic   = "app-logs"
}

output "file" "logins" {
  path = "/var/lib/penstock/logins.log"
}

# The pipeline that is written first reads the log. It must be the one without a filter multiline.
pipeline "all" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}

# What it reads comes here from its buffer, which holds what this one has not taken yet.
pipeline "logins" {
  from = [input.tail.app]
  filter "where" {
    condition = "value contains 'login'"
  }
  to = [output.file.logins]
  buffer { max_size = "1GiB" }
}
