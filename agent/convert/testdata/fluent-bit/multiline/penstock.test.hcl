case "an event of several lines" {
  input = input.tail.a
  lines = ["2024-02-29 oops", "  at a", "  at b", "2024-02-29 next"]
  expect { value = { log = "2024-02-29 oops\n  at a\n  at b" } }
  expect { value = { log = "2024-02-29 next" } }
}
case "the old mode" {
  input = input.tail.b
  lines = ["2024-02-29 oops", "  at a"]
  expect { value = { time = "2024-02-29", message = "oops\n  at a" } }
}
case "a stack trace of Java" {
  input = input.tail.c
  lines = ["oops", "java.lang.Error: x", "\tat a", "Caused by: y", "fine"]
  expect { value = { log = "oops" } }
  expect { value = { log = "java.lang.Error: x\n\tat a\nCaused by: y" } }
  expect { value = { log = "fine" } }
}
