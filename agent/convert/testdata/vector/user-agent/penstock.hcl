agent {
  data_dir = "/var/lib/penstock"
}

# Shows: user agents in place of their text, into another field, and merged.
input "tail" "in" {
  paths = ["/var/log/access.json"]
  tag   = "in"
  # Changed: sources.in: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "parse" "ua" {
  format = "json"
  field  = "message"
}

filter "parse" "ua_2" {
  format = "user_agent"
  field  = "user_agent"
  into   = "user_agent"
  # Changed: ua: .user_agent = parse_user_agent(.user_agent, mode: "fast"): fields are called as
  # penstock calls them: see penstock help filter.parse
}

filter "parse" "ua_3" {
  format = "user_agent"
  field  = "ua"
  into   = "browser"
  keep   = "ua"
  # Changed: ua: .browser = parse_user_agent!(.ua): fields are called as penstock calls them: see
  # penstock help filter.parse
}

filter "parse" "ua_4" {
  format = "user_agent"
  field  = "header"
  keep   = "header"
  # Changed: ua: . |= parse_user_agent!(.header): fields are called as penstock calls them: see
  # penstock help filter.parse
}

output "kafka" "out" {
  brokers = ["kafka-1:9092"]
  topic   = "browsers"
  # Left out: sinks.out.encoding.codec = json: records go out as they are
}

pipeline "main" {
  from = [input.tail.in]
  filter = [
    filter.parse.message,
    filter.parse.ua,
    filter.parse.ua_2,
    filter.parse.ua_3,
    filter.parse.ua_4,
  ]
  to = [output.kafka.out]
  # Changed: transforms.ua: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
}
