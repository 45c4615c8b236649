# An app server: each log line is in Kafka once for readers of committed records (isolation.level=read_committed), through crashes of the
# agent, outages of Kafka and the way through S3 meanwhile.

agent {
  data_dir = "/var/lib/penstock"
  # Transactions are known by the agent's name: keep it, and give no two agents the same one.
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "app" {
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
  tag   = "app.${stem}"
}

output "kafka" "events" {
  brokers  = ["kafka-1:9092", "kafka-2:9092"]
  topic    = "app-logs"
  delivery = "exactly_once"

  # Readers see records when their transaction is committed.
  commit_interval = "200ms"

  failover {
    to      = output.s3.overflow
    after   = "30s"
    recover = "30s"
  }
}

output "s3" "overflow" {
  bucket = "acme-overflow"
  region = "eu-central-1"
}

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]

  buffer {
    max_size  = "10GiB"
    when_full = "overflow"
  }
}
