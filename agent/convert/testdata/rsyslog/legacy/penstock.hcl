agent {
  data_dir = "/var/lib/penstock"
  # Shows: the legacy grammar: directives, a property filter, stop, a selector for all.
  # Left out: $ModLoad imfile: inputs and outputs need no modules
  # Left out: $WorkDirectory /var/spool/rsyslog: penstock needs no such setting, or has it elsewhere
  # Left out: $InputFileStateFile state-app: penstock needs no such setting, or has it elsewhere
}

input "tail" "app" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "app"
}

filter "drop" "stop" {
  if = "value contains 'DEBUG'"
}

output "file" "file" {
  path = "/var/log/audit.log"
}

output "file" "file_2" {
  path = "/var/log/all.log"
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.drop.stop]
  route {
    if = "value startsWith 'AUDIT'"
    to = [output.file.file]
  }
  route {
    if = "not (value startsWith 'AUDIT')"
    to = [output.file.file_2]
  }
}
