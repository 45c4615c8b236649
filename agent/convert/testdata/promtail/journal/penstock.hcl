agent {
  data_dir = "/var/lib/penstock"
}

input "journald" "journal" {
  tag       = "journal"
  directory = "/var/log/journal"
  matches   = ["_TRANSPORT=kernel", "PRIORITY=3"]
  # Left out: scrape_configs.journal.max_age = 12h: entries are objects, from where reading stopped
}

filter "set" "journal" {
  headers = {
    job  = "'systemd-journal'"
    unit = "field._SYSTEMD_UNIT"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: the journal with matches and labels, relabeling.
pipeline "main" {
  from   = [input.journald.journal]
  filter = [filter.set.journal]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
