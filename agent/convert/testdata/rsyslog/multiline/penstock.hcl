agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multiline by startmsg.regex and readMode, a time limit, reading from the end.
input "tail" "java" {
  paths = ["/var/log/java/*.log"]
  multiline {
    start = "^[[:digit:]]{4}-"
  }
  partial_line_timeout = "5s"
  tag                  = "java"
}

input "tail" "i" {
  paths = ["/var/log/i.log"]
  multiline {
    continue = "^[ \\t]"
  }
  start_at = "end"
  tag      = "i"
}

output "stdout" "stdout" {}

pipeline "main" {
  from = [input.tail.java, input.tail.i]
  to   = [output.stdout.stdout]
}
