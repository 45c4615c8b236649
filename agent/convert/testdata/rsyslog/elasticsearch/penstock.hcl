agent {
  data_dir = "/var/lib/penstock"
  # Shows: mmjsonparse, a condition on a field, Elasticsearch with a user.
  # Left out: module.load = mmjsonparse: inputs and outputs need no modules
}

input "tail" "app" {
  paths       = ["/var/log/app.json"]
  empty_lines = "skip"
  tag         = "app"
}

filter "parse" "mmjsonparse" {
  formats = ["json", "regex"]
  pattern = "^(?P<msg>(?s:.*))$"
}

filter "drop" "stop" {
  if = "string(field.level ?? '') == 'debug'"
}

output "elasticsearch" "elasticsearch" {
  urls      = ["http://es:9200"]
  index     = "app"
  operation = "index"
  user      = "me"
  password  = "hunter2"
  # Changed: action omelasticsearch: lines of files go out as they are: a template of rsyslog has
  # time, host and tag before them
  # Left out: action.bulkmode = on: requests hold many records
  # Left out: action.queue.type = linkedlist: the buffer is on disk: see buffer.max_size
  # Left out: action.queue.size = 5000: the buffer is on disk: see buffer.max_size
}

pipeline "main" {
  from   = [input.tail.app]
  filter = [filter.parse.mmjsonparse, filter.drop.stop]
  to     = [output.elasticsearch.elasticsearch]
}
