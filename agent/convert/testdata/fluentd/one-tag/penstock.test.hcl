case "a line of the second input becomes one field, once" {
  input = input.tail.b
  path  = "/var/log/b/a.log"
  lines = ["hello"]
  expect { value = { message = "hello" } }
}
