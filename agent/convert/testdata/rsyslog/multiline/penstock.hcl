agent {
  data_dir = "/var/lib/penstock"
}

# Shows: multiline by startmsg.regex and readMode, a time limit, reading from the end.
input "tail" "java" {
  paths = ["/var/log/java/*.log"]
  multiline {
    start   = "^[[:digit:]]{4}-"
    timeout = "5s"
    # Changed: the lines of an event: newlines join them, not \n as text
  }
  tag = "java"
}

input "tail" "i" {
  paths = ["/var/log/i.log"]
  multiline {
    continue = "^[ \\t]"
    # Changed: input.escapeLF = on: newlines join the lines of an event, not \n as text
  }
  start_at = "end"
  tag      = "i"
}

output "stdout" "stdout" {
  # Changed: action omstdout: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

pipeline "main" {
  from = [input.tail.java, input.tail.i]
  to   = [output.stdout.stdout]
}
