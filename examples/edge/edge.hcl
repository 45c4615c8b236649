# An app server: logs into Kafka; into S3 while Kafka is away; everything back in order afterwards.

agent {
  data_dir = "/var/lib/penstock"
  admin { listen = "127.0.0.1:9600" }
}

input "tail" "app" {
  # With the rotated files in the glob, those that came and went while the agent was down are read too.
  paths = ["/var/log/app/*.log", "/var/log/app/*.log.*"]
  tag   = "app.${stem}"
}

output "kafka" "events" {
  brokers = ["kafka-1:9092", "kafka-2:9092"]
  topic   = "app-logs"

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
