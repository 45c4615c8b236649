agent {
  data_dir = "/var/lib/penstock"
}

# Shows: two sources of one tag, which are read in the same way.
input "tail" "a" {
  paths = ["/var/log/a/*.log"]
  tag   = "app"
}

filter "parse" "a" {
  if      = "tag == 'app'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

input "tail" "b" {
  paths = ["/var/log/b/*.log"]
  tag   = "app"
}

output "kafka" "kafka" {
  brokers = ["k1:9092"]
  topic   = "app"
}

pipeline "main" {
  from   = [input.tail.a, input.tail.b]
  filter = [filter.parse.a]
  route {
    match = ["app"]
    to    = [output.kafka.kafka]
  }
}
