agent {
  data_dir = "/var/lib/penstock"
}

# Shows: functions of VRL on texts, numbers, types and lists, and where they fail; JSON that has a
# field of the name that it is parsed from.
input "tail" "app" {
  paths = ["/var/log/app.log"]
  tag   = "app"
  # Changed: sources.app: what Vector adds (timestamp, source_type, host, file ...) is no field:
  # write filter "add_fields"
}

filter "parse" "message" {
  format  = "regex"
  pattern = "^(?P<message>(?s:.*))$"
  # Vector's events are objects with the line as message.
}

filter "set" "shape" {
  fields = {
    vector_text = "field.message"
  }
}

filter "parse" "shape" {
  format = "json"
  field  = "vector_text"
}

filter "remove_fields" "shape" {
  fields = ["vector_text"]
}

filter "set" "shape_2" {
  fields = {
    count = "((type(field.count) == 'float' or string(field.count ?? 0) matches '^[-+]?[0-9]+$') ? int(field.count ?? 0) : -1)"
  }
}

filter "set" "shape_3" {
  fields = {
    ratio = "(string(field.ratio ?? 0) matches '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' ? float(field.ratio ?? 0) : 0.5)"
  }
}

filter "set" "shape_4" {
  fields = {
    on = "((lower(string(field.on ?? '')) matches '^(true|t|yes|y|[-+]?0*[1-9][0-9]*)$')) ?? false"
  }
}

filter "set" "shape_5" {
  fields = {
    text = "(not (type(field.any) in ['array', 'map']) ? string(field.any ?? '') : 'many')"
  }
}

filter "set" "shape_6" {
  fields = {
    low = "(type(field.level) == 'string' ? lower(field.level) : 'none')"
  }
}

filter "set" "shape_7" {
  fields = {
    high = "(type(field.level) == 'string' ? upper(field.level) : '')"
  }
}

filter "set" "shape_8" {
  fields = {
    twice = "field.n * 2"
  }
}

filter "set" "shape_9" {
  fields = {
    called = "field.high + '!'"
  }
}

filter "set" "shape_10" {
  fields = {
    size = "(type(field.any) in ['string', 'array', 'map'] ? len(field.any) : 0)"
  }
}

filter "set" "shape_11" {
  fields = {
    blank = "(trim(string(field.user ?? '')) == '' or field.user == '-')"
  }
}

filter "set" "shape_12" {
  fields = {
    known = "(field.user != nil or 'user' in field)"
  }
}

filter "parse" "shape_2" {
  format = "logfmt"
  field  = "pairs"
  into   = "kv"
  keep   = "pairs"
  # Changed: shape: .kv = parse_key_value(.pairs) ?? {}: where it fails, what is there stays: it is
  # not an empty object or null
}

filter "set" "shape_13" {
  fields = {
    web = "((field.path ?? '') startsWith '/web')"
  }
}

filter "set" "shape_14" {
  fields = {
    dashed = "replace((field.path ?? ''), '/', '-')"
  }
}

filter "set" "shape_15" {
  fields = {
    tags = "(type(field.tags) == 'string' ? split(field.tags, ',') : [])"
  }
}

filter "set" "shape_16" {
  fields = {
    env    = "'prod'"
    tagged = "len(field.tags)"
    raw    = "'a\\\\n'"
  }
}

filter "set" "shape_17" {
  fields = {
    tags = "concat(field.tags, [field.low])"
  }
}

filter "set" "shape_18" {
  if = "field.on"
  fields = {
    level = "'on'"
  }
}

filter "remove_fields" "shape_2" {
  if     = "not (field.on) and field.blank"
  fields = ["user"]
}

output "stdout" "out" {
  format = "ndjson"
}

pipeline "main" {
  from = [input.tail.app]
  filter = [
    filter.parse.message,
    filter.set.shape,
    filter.parse.shape,
    filter.remove_fields.shape,
    filter.set.shape_2,
    filter.set.shape_3,
    filter.set.shape_4,
    filter.set.shape_5,
    filter.set.shape_6,
    filter.set.shape_7,
    filter.set.shape_8,
    filter.set.shape_9,
    filter.set.shape_10,
    filter.set.shape_11,
    filter.set.shape_12,
    filter.parse.shape_2,
    filter.set.shape_13,
    filter.set.shape_14,
    filter.set.shape_15,
    filter.set.shape_16,
    filter.set.shape_17,
    filter.set.shape_18,
    filter.remove_fields.shape_2,
  ]
  to = [output.stdout.out]
  # Changed: transforms.shape: where a function with ! fails, Vector lets the event pass as it came
  # in; here the filters behind go on with it
  # Changed: transforms.shape: where Vector makes a field null, what is there stays
}
