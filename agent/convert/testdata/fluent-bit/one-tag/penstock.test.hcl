case "a line of the second input becomes one field, once" {
  input = input.tail.app_2
  path  = "/var/log/b/a.log"
  lines = ["hello"]
  expect { value = { log = "hello" } }
}
