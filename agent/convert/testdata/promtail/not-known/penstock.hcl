agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: scrape_configs consul: penstock finds files by globs: write an input "tail" with
  # their paths
  # LEFT OUT: scrape_configs push: nothing takes pushes of Loki: let them come by input "http"
  # (OTLP, lines, JSON, Splunk, bulk) or "forward"
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

# Shows: discovery, pushes, stages and selectors that penstock has not.
pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.set.app]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # LEFT OUT: scrape_configs.pipeline_stages.template: it has more than fields, texts and simple
  # functions: write filter "set" with an expression
  # LEFT OUT: scrape_configs.pipeline_stages.regex: RE2 has it not: error parsing regexp: invalid
  # or unsupported Perl syntax: `(?!`
  # LEFT OUT: scrape_configs.pipeline_stages.match: this selector is not known: write filters with
  # if
  # LEFT OUT: scrape_configs.pipeline_stages.replace: only the groups of it are replaced: write
  # filter "replace" with the whole pattern
}
