agent {
  data_dir = "/var/lib/penstock"
}

# Shows: regex_filter both ways, search_replace, static headers, a custom interceptor,
# regex_extractor.
input "tail" "r1" {
  paths = ["/var/log/app.log"]
  tag   = "r1"
}

# Nobody reads these.
filter "grep" "drop" {
  exclude = ["^DEBUG"]
}

filter "grep" "keep" {
  include = ["user="]
}

filter "replace" "mask" {
  pattern = "card=[0-9]+"
  with    = "card=XXX"
}

filter "set" "dc" {
  headers = {
    "dc" = "'fra1'"
  }
  overwrite = false
}

output "stdout" "k1" {
  # Changed: a1.sinks.k1: lines go to standard output whole, and not to the log
}

pipeline "main" {
  from   = [input.tail.r1]
  filter = [filter.grep.drop, filter.grep.keep, filter.replace.mask, filter.set.dc]
  to     = [output.stdout.k1]
  # LEFT OUT: a1.sources.r1.interceptors.mine: there is no filter that does what this code does
  # LEFT OUT: a1.sources.r1.interceptors.cut: headers cannot be cut out of a line: take the fields
  # out with filter "parse", and write field.NAME where the header is used
  # Changed: a1.channels.c1.type = memory: the buffer is on disk, and survives a crash
}
