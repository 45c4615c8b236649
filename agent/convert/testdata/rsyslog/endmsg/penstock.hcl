agent {
  data_dir = "/var/lib/penstock"
  # Shows: events that end with a certain line, with a time limit and another one for all.
  # Left out: module.load = imfile: inputs and outputs need no modules
  # Left out: module.load = omkafka: inputs and outputs need no modules
}

input "tail" "batch" {
  paths = ["/var/log/batch.log"]
  multiline {
    end     = "^END"
    timeout = "5s"
  }
  tag = "batch"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "batch"
  # Changed: action.template = raw (%msg%): lines of files go out as they are, and syslog messages
  # as objects: shape them with filters
}

pipeline "main" {
  from = [input.tail.batch]
  to   = [output.kafka.kafka]
}
