agent {
  data_dir = "/var/lib/penstock"
}

# Shows: out_s3 with a key format, sizes and times; systemd with units; syslog over tcp.
input "journald" "journal" {
  tag = "host.journal"
  # LEFT OUT: INPUT systemd tag host.*: the unit is no part of the tag; it is a field, by which a
  # route can choose with if
  units   = ["docker.service"]
  matches = ["PRIORITY=3"]
}

input "syslog" "syslog" {
  listen = ["tcp://0.0.0.0:5140"]
  tag    = "syslog"
  # Changed: parser syslog-rfc3164: fields are called as penstock calls them: see penstock help
  # input.syslog
}

output "s3" "s3" {
  bucket = "acme-logs"
  region = "eu-central-1"
  assume_role {
    arn = "arn:aws:iam::123456789012:role/logs"
  }
  path = "${tag[0]}/${tag}/${strftime("%Y/%m/%d")}"
  # Changed: s3_key_format /$TAG[0]/$TAG/%Y/%m/%d/%H_$UUID.gz: the last part of it gives way to a
  # name made of the positions of what is in the object, so that none is written twice
  roll {
    age  = "10m"
    size = "100MiB"
  }
  compression = "gzip"
  format "ndjson" {}
  # Changed: OUTPUT s3 json_date_key date: the time is not written into records: write filter
  # "add_fields" with ${time} for that
  # Left out: use_put_object On: see part_size
  # Left out: store_dir /tmp/s3: the spool lies below data_dir
}

pipeline "main" {
  from = [input.journald.journal, input.syslog.syslog]
  to   = [output.s3.s3]
}
