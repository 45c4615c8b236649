agent {
  data_dir = "/var/lib/penstock"
}

# Shows: exec of tail -F, memory channel, HDFS sink on s3a with time escapes, roll settings and
# gzip.
input "tail" "tail" {
  paths    = ["/var/log/secure"]
  start_at = "end"
  # Changed: agent.sources.tail.command = tail -F /var/log/secure: the file itself is read, through
  # rotation, and goes on where it stopped
  tag = "tail"
}

filter "set" "i2" {
  headers = {
    "host" = "agent"
  }
  overwrite = false
}

output "s3" "s3" {
  bucket   = "acme-logs"
  path     = "secure/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  timezone = "Europe/Berlin"
  # Changed: agent.sinks.s3.hdfs.filePrefix = events-: an object's name tells which records are in
  # it, so that none is written twice: see file_name
  compression = "gzip"
  format "raw" {}
  roll {
    age  = "10m"
    size = "128MiB"
    idle = "2m"
  }
  # Left out: agent.sinks.s3.hdfs.useLocalTimeStamp = true: records have the time at which they
  # were read, unless filter "time" gives them another
}

pipeline "main" {
  from   = [input.tail.tail]
  filter = [filter.set.i2]
  to     = [output.s3.s3]
  # Left out: agent.sources.tail.interceptors.i1: records have their time; paths of archives are
  # made of it
  # Changed: agent.channels.mem.type = memory: the buffer is on disk, and survives a crash
  # Left out: agent.channels.mem.capacity = 10000: the buffer is on disk: see buffer.max_size
  # Left out: agent.channels.mem.transactionCapacity = 1000: batches are as large as they come
}
