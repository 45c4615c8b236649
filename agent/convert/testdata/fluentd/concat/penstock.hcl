agent {
  data_dir = "/var/lib/penstock"
}

# Shows: concat: stack traces by stream, parts of lines as CRI leaves them, what is not there.
input "forward" "forward" {
  listen = "0.0.0.0:24224"
}

filter "multiline" "concat" {
  if        = "tag matches '^(?:app(?:[.].*)?)$'"
  field     = "log"
  partial   = "field.logtag == 'P'"
  key       = "string(field.stream ?? '') + string(field.container_id ?? '')"
  start     = "^\\d{4}-\\d{2}-\\d{2}"
  separator = "\n"
  timeout   = "5s"
  # Changed: timeout_label @NORMAL: what nothing follows goes on as other records do
}

filter "multiline" "concat_2" {
  if       = "tag matches '^(?:web(?:[.].*)?)$'"
  field    = "message"
  continue = "^\\s"
  timeout  = "1m"
  # Changed: <filter web.**> concat: the time of a record is that of its first line
}

output "stdout" "stdout" {
  format = "full"
}

pipeline "main" {
  from   = [input.forward.forward]
  filter = [filter.multiline.concat, filter.multiline.concat_2]
  # LEFT OUT: <filter app.web.**> concat: a line is joined by one filter: write its patterns in the
  # multiline that is there
  to = [output.stdout.stdout]
}
