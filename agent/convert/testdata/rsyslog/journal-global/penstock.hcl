agent {
  data_dir = "/var/lib/penstock"
  # Shows: global settings, queues, the journal.
  # Left out: global.workDirectory = /var/lib/rsyslog: see agent.data_dir
  # Left out: global.maxMessageSize = 64k: penstock has nothing of this name here
  # Left out: main_queue.queue.type = Disk: the buffer is on disk: see buffer.max_size
  # Left out: main_queue.queue.maxDiskSpace = 1g: see buffer.max_size
  # Left out: module.load = imjournal: inputs and outputs need no modules
  # Left out: module.StateFile = imjournal.state: positions are kept below data_dir: see penstock
  # import-positions
}

input "journald" "journal" {
  tag = "journal"
  # Changed: module imjournal: the journal has what programs of this machine and the kernel log:
  # without systemd write input "syslog" with unixgram:///dev/log
}

output "file" "file" {
  path = "/var/log/journal.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
  # Left out: action.asyncRepl = on: see penstock help output.file
}

output "kafka" "kafka" {
  brokers = ["kafka:9092"]
  topic   = "journal"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.journald.journal]
  to   = [output.file.file, output.kafka.kafka]
}
