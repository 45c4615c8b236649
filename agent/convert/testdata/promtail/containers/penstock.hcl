agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "docker" {
  tag         = "docker"
  paths       = ["/var/lib/docker/containers/*/*-json.log", "/srv/*.log"]
  path_header = "filename"
  container   = true
  # Changed: scrape_configs.pipeline_stages.docker: lines that were cut are put together, with the
  # time of their beginning, and have no line end; what has no time stays as it is; containers have
  # headers of their own
}

filter "set" "docker" {
  if = "tag == 'docker' and header.filename matches '^/var/lib/docker/containers/[^/]*/[^/]*-json\\\\.log$'"
  headers = {
    job = "'docker'"
  }
}

filter "set" "docker_2" {
  if = "tag == 'docker' and header.filename matches '^/srv/[^/]*\\\\.log$'"
  headers = {
    job = "'srv'"
  }
}

filter "sample" "docker" {
  if   = "tag == 'docker'"
  keep = 0.5
}

input "tail" "cri" {
  tag         = "cri"
  paths       = ["/var/log/pods/*/*/*.log"]
  path_header = "filename"
  encoding    = "utf-16le"
}

filter "parse" "cri" {
  if     = "tag == 'cri'"
  format = "cri"
  time   = true
  # Changed: scrape_configs.pipeline_stages.cri: the record becomes an object, whose log is the
  # line; lines that were cut stay so
}

filter "set" "cri" {
  if = "tag == 'cri'"
  headers = {
    stream = "field.stream"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: Docker and CRI stages, sampling, an encoding, several static configs.
pipeline "main" {
  from = [input.tail.docker, input.tail.cri]
  filter = [
    filter.set.docker,
    filter.set.docker_2,
    filter.sample.docker,
    filter.parse.cri,
    filter.set.cri,
  ]
  to = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
