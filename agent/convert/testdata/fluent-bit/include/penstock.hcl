agent {
  data_dir = "/var/lib/penstock"
  # Left out: INPUT cpu: penstock takes logs, not measures; see exec
}

input "exec" "exec" {
  command  = ["/bin/sh", "-c", "df -h"]
  interval = "1m"
  tag      = "disk"
}

filter "parse" "disk" {
  if      = "tag == 'disk'"
  format  = "regex"
  pattern = "^(?P<log>(?s:.*))$"
}

# Shows: @SET, @INCLUDE, exec, an input of measures, a file, Match_Regex.
output "file" "file" {
  path   = "/var/log/out/disk.log"
  format = "ndjson"
  # Changed: OUTPUT file format: lines are the JSON of the record, without tag and time before it
}

pipeline "main" {
  from   = [input.exec.exec]
  filter = [filter.parse.disk]
  route {
    if = "tag matches '^(disk|mem)$'"
    to = [output.file.file]
  }
}
