agent {
  data_dir = "/var/lib/penstock"
}

# Shows: user agents, in ECS and beside what was there.
input "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  group   = "ua"
  topics  = ["access"]
  start   = "latest"
  # Changed: kafka: @timestamp, @version, event, host and log are no fields: write filter
  # "add_fields"
}

filter "parse" "kafka" {
  formats = ["json", "regex"]
  pattern = "^(?P<message>(?s:.*))$"
}

filter "parse" "useragent" {
  format = "user_agent"
  field  = "user_agent.original"
  keep   = "user_agent.original"
  into   = "user_agent"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

filter "set" "branch_1" {
  if = "field.agent != nil and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "parse" "useragent_2" {
  if     = "header.branch_1 == '1'"
  format = "user_agent"
  field  = "agent"
  keep   = "agent"
  into   = "browser"
  # Changed: useragent: names and versions are told by other rules; fields are as in ECS: name,
  # version, os.name, ...
}

output "kafka" "kafka" {
  brokers = ["kafka-1:9092"]
  topic   = "browsers"
}

pipeline "main" {
  from = [input.kafka.kafka]
  filter = [
    filter.parse.kafka,
    filter.parse.useragent,
    filter.set.branch_1,
    filter.parse.useragent_2,
  ]
  to = [output.kafka.kafka]
  # Left out: useragent.lru_cache_size = 1000: nothing is cached
  # Left out: useragent.regexes = /etc/regexes.yaml: penstock has nothing of this name here
}
