agent {
  data_dir = "/var/lib/penstock"
}

input "tail" "docker" {
  tag         = "docker"
  paths       = ["/var/lib/docker/containers/a/a-json.log"]
  path_header = "filename"
  container   = true
  # Changed: scrape_configs.pipeline_stages.docker: lines that were cut are put together, with the
  # time of their beginning, and have no line end; what has no time stays as it is; containers have
  # headers of their own
}

filter "set" "docker" {
  headers = {
    job = "'docker'"
  }
}

filter "parse" "docker" {
  format = "json"
}

filter "set" "docker_2" {
  headers = {
    level = "field.level"
  }
}

filter "drop" "docker" {
  if = "(header['stream'] ?? '') == 'stderr' and value contains 'probe'"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

# Shows: lines of Docker: streams, empty lines, attributes, one that is cut, what is none; JSON
# within them, a drop by stream.
pipeline "main" {
  from   = [input.tail.docker]
  filter = [filter.set.docker, filter.parse.docker, filter.set.docker_2, filter.drop.docker]
  to     = [output.stdout.nothing]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
}
