agent {
  data_dir = "/var/lib/penstock"
}

input "kafka" "events" {
  # Shows: references to the environment, which stay what they are, keys, an endpoint, path style.
  brokers      = ["${env("KAFKA_HOST")}:9092"]
  topics_regex = ["^(?:${env("TOPIC")})$"]
  group        = env("SECOR_GROUP")
}

output "s3" "lake" {
  bucket            = env("BUCKET")
  endpoint          = "https://s3.example.org"
  path_style        = true
  access_key_id     = env("AWS_KEY")
  secret_access_key = "hunter2hunter2"
  prefix            = "raw/${env("STAGE")}"
  path              = "${topic}/dt=${strftime("%Y-%m-%d")}"
  time {
    field  = "@timestamp"
    format = "iso8601"
  }
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {}
  roll {
    age = "1m"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
