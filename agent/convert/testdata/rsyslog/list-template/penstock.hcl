agent {
  data_dir = "/var/lib/penstock"
}

# Shows: a list template, comments of both kinds, a file by a template.
# what the
# app writes
# one
input "tail" "app" {
  paths       = ["/var/log/app.log"]
  empty_lines = "skip"
  tag         = "app"
}

output "file" "file" {
  path = "/var/log/CHANGE-ME.log"
  # LEFT OUT: action.dynaFile = path: the path is what a template makes
  # (/var/log/%programname%.log): output "local" writes directories by a path with ${...}
  # Changed: action.template = j ({%msg:::jsonf%}): lines of files go out as they are, and syslog
  # messages as objects: shape them with filters
}

pipeline "main" {
  from = [input.tail.app]
  to   = [output.file.file]
}
