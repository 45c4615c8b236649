case "a file's lines have the facility that their input says" {
  input = input.tail.backup
  lines = ["done"]
  expect { topic = "backups" }
}
case "errors of another file" {
  input = input.tail.tomcat
  lines = ["java.lang.NullPointerException"]
  expect { to = [output.file.file_11, output.file.file_12] }
}
case "noise" {
  input = input.tail.backup
  lines = ["Started Session 5 of user root"]
  discarded = 1
}
