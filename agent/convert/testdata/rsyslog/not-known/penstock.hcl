agent {
  data_dir = "/var/lib/penstock"
  # Shows: inputs, outputs, selectors, filters and conditions that penstock has not.
  # LEFT OUT: input: penstock does not speak RELP: have it sent by syslog over TCP
  # LEFT OUT: input: there is no such input; see penstock help for those there are
}

input "tail" "x" {
  paths = ["/var/log/x.log"]
  multiline {
    end = "^END"
    # Changed: the lines of an event: newlines join them, not \n as text
  }
  # LEFT OUT: input.readMode = 1: events parted by empty lines: write multiline
  tag = "x"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from = [input.tail.x]
  to   = [output.stdout.nothing]
  # Left out: mail.err;auth.* /var/log/mail.log: nothing that comes here has this facility and
  # severity
  # LEFT OUT: @@central:514: there is no such output; see penstock help for those there are
  # LEFT OUT: :fromhost, isequal, "a" stop: $fromhost is not known of what input "tail" gives:
  # write a route with if
  # LEFT OUT: if re_match($msg, '(?!x)'): RE2 has it not: error parsing regexp: invalid or
  # unsupported Perl syntax: `(?!`; what is in it is left out, too: write a route with if
  # LEFT OUT: set $!a = field($msg, 32, 1): write filter "set" { fields = { a = "..." } } with an
  # expression, such as field.message
  # LEFT OUT: call nowhere: there is no such ruleset
  # LEFT OUT: action: there is no output like ommysql; see penstock help for those there are
}
