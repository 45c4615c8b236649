case "all can be parsed" {
  lines = ["{\"message\":\"INFO a=b\",\"when\":\"2024-02-29T10:00:00Z\"}"]
  expect {
    to    = [output.kafka.kafka_2]
    value = { user = "a", rest = "b", shaped = "yes" }
    time  = "2024-02-29T10:00:00Z"
  }
}
case "grok cannot, and dissect has no text" {
  lines = ["{\"message\":\"?\",\"when\":\"soon\"}"]
  expect {
    to    = [output.file.file]
    value = { message = "?", when = "soon", tags = ["_nomatch", "_dissectfailure"], odd = "yes" }
  }
}
case "dissect cannot" {
  lines = ["{\"message\":\"INFO ab\"}"]
  expect {
    to    = [output.kafka.kafka_2]
    value = { level = "INFO", text = "ab", tags = ["_dissectfailure"], odd = "yes" }
  }
}
case "the codec cannot" {
  lines = ["INFO a=b"]
  expect {
    to    = [output.kafka.kafka]
    value = { user = "a", rest = "b", shaped = "yes", tags = ["_jsonparsefailure"] }
  }
}
