case "to all" {
  lines = ["hello"]
  expect { to = [output.file.file_2] }
}
case "to one alone" {
  lines = ["AUDIT x"]
  expect { to = [output.file.file] }
}
