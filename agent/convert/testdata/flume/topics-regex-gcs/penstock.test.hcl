case "what is buffered goes to both" {
  input = input.http.http
  time  = "2024-02-29T10:00:00Z"
  lines = ["x"]
  expect { to = [output.gcs.gcs, output.local.files] }
}
case "what is read from Kafka to one" {
  input = input.kafka.kafka
  path  = "topic1"
  time  = "2024-02-29T10:00:00Z"
  lines = ["x"]
  expect {
    to     = [output.gcs.gcs]
    object = "raw/2024/02/29"
  }
}
