agent {
  data_dir = "/var/lib/penstock"
}

input "kafka" "events" {
  # Shows: Avro values with a registry into Parquet, split by a field, the new consumer with SASL.
  brokers   = ["kafka:9092"]
  topics    = ["orders", "payments"]
  group     = "secor_parquet"
  start     = "latest"
  isolation = "read_committed"
  tls {
    # Left out: kafka.new.consumer.ssl.truststore.location=/etc/secor/trust.jks: a keystore of
    # Java; export PEM files with keytool and openssl and name them here (ca_file, cert_file,
    # key_file)
  }
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "secor"
    password  = env("KAFKA_PASSWORD")
  }
}

output "s3" "lake" {
  bucket = "acme-lake"
  prefix = "parquet"
  path   = "${topic}/${field.event_type}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time {
    field  = "created"
    format = "epoch"
  }
  decode "avro" {
    registry {
      urls = ["http://registry-1:8081", "http://registry-2:8081"]
    }
  }
  file_name   = "1_${partition}_${start}.parquet"
  compression = "snappy"
  format "parquet" {
    schema = "registry"
  }
  roll {
    size = "256MiB"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
