agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "r" {
  paths = ["/var/log/app/*log"]
  tag   = "r"
}

output "kafka" "k1" {
  brokers = ["one:9092"]
  topic   = "app"
  # Shows: a failover sink group of two Kafka clusters, of which the second stands by.
  failover {
    to = output.kafka.k2
  }
}

output "kafka" "k2" {
  brokers = ["two:9092"]
  topic   = "app"
}

pipeline "main" {
  from = [input.tail.r]
  to   = [output.kafka.k1]
}
