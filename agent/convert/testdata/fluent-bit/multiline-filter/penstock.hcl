agent {
  data_dir = "/var/lib/penstock"
}

input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

filter "multiline" "multiline" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  field   = "log"
  presets = ["go", "java", "python"]
  # Changed: multiline.parser go, java, python: an event does not end with a newline, as there
  timeout = "3s"
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from   = [input.forward.forward]
  filter = [filter.multiline.multiline]
  # LEFT OUT: FILTER multiline: lines are joined by one filter of a pipeline: write its patterns in
  # the multiline that is there
  to = [output.stdout.stdout]
}
