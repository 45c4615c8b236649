agent {
  data_dir = "/var/lib/penstock"
}

# Shows: out_s3 with time and tag in the path, a key of its own format, encryption, a role; in_http
# and in_syslog.
input "http" "http" {
  listen        = "127.0.0.1:9880"
  max_body_size = "32MiB"
  # Changed: <source>: bodies are read by their content type, as fluentd reads them; the tag is the
  # path
}

input "syslog" "syslog" {
  listen = ["tcp://0.0.0.0:5140"]
  tag    = "system"
  # Changed: <source>: facility and severity are fields, and do not follow the tag
}

filter "rename_fields" "syslog" {
  if = "tag == 'system'"
  fields = {
    hostname = "host"
    app_name = "ident"
    proc_id  = "pid"
  }
}

output "s3" "s3" {
  bucket = "acme-logs"
  region = "eu-central-1"
  assume_role {
    arn          = "arn:aws:iam::123456789012:role/logs"
    session_name = "fluentd"
  }
  roll {
    age  = "1h"
    size = "256MiB"
  }
  prefix = "syslog"
  path   = "${strftime("%Y%m%d%H")}"
  # Changed: s3_object_key_format %{path}%{time_slice}_%{index}.%{file_extension}: objects are
  # named by the positions of what is in them, so that none is written twice; what stands before
  # the name, or the date in it, is path
  compression = "gzip"
  format "ndjson" {}
  # Changed: <match system.**> s3 format: lines are the JSON of the record, without time and tag
  # before it
  # Left out: path /var/log/fluent/s3: buffers lie below data_dir
  # Left out: timekey_wait 10m: a cut waits for nothing; late records go where their own time says
}

output "s3" "s3_2" {
  bucket            = env("BUCKET")
  endpoint          = "http://minio:9000"
  path_style        = true
  access_key_id     = env("AWS_KEY")
  secret_access_key = env("AWS_SECRET")
  encryption {
    type = "AES256"
  }
  roll {
    age = "1d"
  }
  timezone = "Europe/Berlin"
  prefix   = "logs"
  path     = "${tag[0]}/${strftime("%Y/%m/%d")}"
  # Changed: <match **> s3 object names: objects are named by the positions of what is in them, so
  # that none is written twice
  compression = "none"
  format "ndjson" {}
}

pipeline "main" {
  from   = [input.http.http, input.syslog.syslog]
  filter = [filter.rename_fields.syslog]
  route {
    match = ["system.**"]
    to    = [output.s3.s3]
  }
  otherwise = [output.s3.s3_2]
}
