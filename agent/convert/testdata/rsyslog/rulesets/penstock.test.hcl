case "an error" {
  input = input.tail.a
  lines = ["an error"]
  expect { to = [output.kafka.kafka] }
}
case "other lines" {
  input = input.tail.a
  lines = ["fine"]
  expect { to = [output.file.file] }
}
case "another file" {
  input = input.tail.b
  lines = ["an error"]
  expect { to = [output.file.file] }
}
