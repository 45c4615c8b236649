# Shows: modules, autodiscover, inputs, processors, conditions and outputs that penstock has not.
agent {
  data_dir = "/var/lib/penstock"
  # LEFT OUT: filebeat.inputs: there is no such input; see penstock help for those there are
  # LEFT OUT: filebeat.inputs: a pipeline reads Kafka or a buffer: write input "kafka" with a
  # pipeline of its own
  # LEFT OUT: output.redis: there is no such output; see penstock help for those there are
}

input "tail" "log_2" {
  # LEFT OUT: filebeat.inputs: it has no paths
  paths = ["/var/log/CHANGE-ME.log"]
  # LEFT OUT: filebeat.inputs.exclude_files = ^/tmp/: globs stand for files: write exclude
  empty_lines = "skip"
  tag         = "log_2"
  # Changed: filebeat.inputs log: @timestamp, agent, ecs, host, input and log are no fields: write
  # filter "add_fields"
}

filter "parse" "log_2" {
  if      = "tag == 'log_2'"
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from   = [input.tail.log_2]
  filter = [filter.parse.log_2]
  to     = [output.stdout.nothing]
  # LEFT OUT: filebeat.modules: write inputs for the files that it finds
  # LEFT OUT: filebeat.autodiscover: write inputs for the files that it finds
  # LEFT OUT: processors.script: write filter "set" with expressions, or "wasm"
  # LEFT OUT: processors.drop_event.when.network: this condition is not known: write the filter
}
