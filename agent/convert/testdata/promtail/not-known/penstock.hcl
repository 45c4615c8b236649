agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: scrape_configs: penstock finds its files by globs: write an input
}

input "tail" "app" {
  tag = "app"
  # LEFT OUT: scrape_configs: it has no __path__
  paths       = ["/var/log/CHANGE-ME.log"]
  path_header = "filename"
}

filter "set" "app" {
  if = "tag == 'app'"
  headers = {
    job = "'app'"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: discovery, Kafka, stages and selectors that penstock has not.
pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.set.app]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # LEFT OUT: scrape_configs.pipeline_stages.template: there is no filter that does this; see
  # penstock help
  # LEFT OUT: scrape_configs.pipeline_stages.regex: RE2 has it not: error parsing regexp: invalid
  # or unsupported Perl syntax: `(?!`
  # LEFT OUT: scrape_configs.pipeline_stages.match: this selector is not known: write filters with
  # if
  # LEFT OUT: scrape_configs.pipeline_stages.replace: only the groups of it are replaced: write
  # filter "replace" with the whole pattern
}
