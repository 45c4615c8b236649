agent {
  data_dir = "/var/lib/penstock"
}

# Shows: lines that stay lines: parse none and single_value; drop_oldest_chunk.
input "tail" "app" {
  paths    = ["/var/log/app/app.log"]
  tag      = "app"
  start_at = "end"
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "lines"
  # Left out: add_newline false: penstock has nothing of this name here
}

pipeline "main" {
  from = [input.tail.app]
  buffer {
    max_size  = "512MiB"
    when_full = "drop_oldest"
  }
  route {
    match = ["app"]
    to    = [output.kafka.kafka]
  }
}
