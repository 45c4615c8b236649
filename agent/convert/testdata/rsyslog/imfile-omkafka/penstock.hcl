agent {
  data_dir = "/var/lib/penstock"
  # Shows: the usual way from files to Kafka, with librdkafka settings and a template.
  # Left out: module.load = imfile: inputs and outputs need no modules
  # Left out: module.mode = inotify: files are watched
  # Left out: module.load = omkafka: inputs and outputs need no modules
}

# the web servers
input "tail" "nginx" {
  paths       = ["/var/log/nginx/access.log"]
  empty_lines = "skip"
  tag         = "nginx"
  # Changed: input.Severity = info: lines of files have none: selectors and conditions were worked
  # out with it
  # Left out: input.PersistStateInterval = 100: positions are stored with what was read
}

output "kafka" "kafka" {
  brokers     = ["kafka-1:9092", "kafka-2:9092"]
  topic       = "nginx"
  compression = "snappy"
  client_id   = "rsyslog"
  # Left out: queue.buffering.max.messages=1000: what waits is in the buffer on disk: see
  # buffer_bytes for what is in flight
  # Changed: action.template = raw (%msg%): lines of files go out as they are, and syslog messages
  # as objects: shape them with filters
  # Left out: action.partitions.auto = on: see partitioner
  # Left out: action.queue.type = LinkedList: the buffer is on disk: see buffer.max_size
  # Left out: action.action.resumeRetryCount = -1: attempts never end
}

pipeline "main" {
  from = [input.tail.nginx]
  to   = [output.kafka.kafka]
}
