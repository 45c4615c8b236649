case "a stack trace between other lines" {
  input = input.forward.forward
  tag   = "app.x"
  lines = [
    "{\"log\":\"started\",\"n\":1}",
    "{\"log\":\"java.lang.IllegalStateException: no\",\"n\":2}",
    "{\"log\":\"\\tat a.B.c(B.java:1)\",\"n\":3}",
    "{\"log\":\"goes on\",\"n\":4}",
  ]
  expect { value = { log = "started", n = 1 } }
  expect { value = { log = "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)", n = 2 } }
  expect { value = { log = "goes on", n = 4 } }
}
