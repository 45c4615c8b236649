agent {
  data_dir = "/var/lib/penstock"
}

# Shows: HTTP and exec inputs, HTTP output in batches, a file by field, fingerprint, uuid, split.
input "http" "http" {
  listen = "0.0.0.0:8080"
  tag    = "http"
}

input "exec" "exec" {
  command  = ["/bin/sh", "-c", "df -P"]
  interval = "1m"
  tag      = "exec"
  # Changed: exec: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "exec" {
  if      = "tag == 'exec'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

filter "hash" "fingerprint" {
  fields = ["message"]
  into   = "hash"
  # Changed: fingerprint.method = SHA256: the hash is another; see algorithm
}

filter "split" "split" {
  field     = "message"
  separator = "\n"
}

filter "uuid" "uuid" {
  field = "event_id"
}

output "http" "http" {
  url    = "https://collector/in"
  method = "POST"
  format = "json"
  headers = {
    "X-Team" = "web"
  }
  compression = "none"
}

output "local" "file" {
  directory   = "/var/log/by"
  path        = "${field.service}"
  compression = "none"
  format "ndjson" {}
  # Changed: file.path = /var/log/by/%{service}/events.log: files appear whole, in directories by
  # that path, when they roll
  # Changed: file.codec.format = %{message}: records go out as JSON
}

pipeline "main" {
  from = [input.http.http, input.exec.exec]
  filter = [
    filter.parse.exec,
    filter.hash.fingerprint,
    filter.split.split,
    filter.uuid.uuid,
  ]
  to = [output.http.http, output.local.file]
  # LEFT OUT: filter.explode.split: it is refused: makes several records of one position, which
  # output.local.file cannot archive exactly once; put the filter before a topic, or before another
  # output
}
