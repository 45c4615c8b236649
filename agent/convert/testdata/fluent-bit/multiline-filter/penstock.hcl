agent {
  data_dir = "/var/lib/penstock"
}

# Shows: the filter multiline over a field, with ready-made parsers and one that is not there;
# parts of lines as Docker's driver sends them.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

filter "multiline" "multiline" {
  if      = "tag matches '^(?:app(?:[.].*)?)$'"
  field   = "log"
  presets = ["go", "java", "python"]
  # Changed: multiline.parser go, java, python, mine: an event does not end with a newline, as there
  # LEFT OUT: multiline.parser go, java, python, mine: mine: there is no such parser; write its
  # patterns
  timeout = "3s"
}

filter "multiline" "multiline_2" {
  if      = "tag matches '^(?:web(?:[.].*)?)$'"
  field   = "log"
  partial = "field.partial_message == 'true' and field.partial_last != 'true'"
  key     = "string(field.partial_id ?? '')"
  timeout = "2s"
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from   = [input.forward.forward]
  filter = [filter.multiline.multiline, filter.multiline.multiline_2]
  # Left out: buffer On: what is held has bounds, and lies on disk
  to = [output.stdout.stdout]
}
