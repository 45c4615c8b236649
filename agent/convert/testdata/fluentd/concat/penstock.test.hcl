case "a stack trace of which a line is in parts" {
  input = input.forward.forward
  tag   = "app.x"
  lines = [
    "{\"log\":\"2026-11-28 java.lang.E: x\",\"logtag\":\"F\",\"stream\":\"stderr\"}",
    "{\"log\":\"2026-11-28 GET /\",\"logtag\":\"F\",\"stream\":\"stdout\"}",
    "{\"log\":\"\\tat a.b\",\"logtag\":\"P\",\"stream\":\"stderr\"}",
    "{\"log\":\"(C.java:1)\",\"logtag\":\"F\",\"stream\":\"stderr\"}",
  ]
  expect {
    value = { log = "2026-11-28 java.lang.E: x\n\tat a.b(C.java:1)", logtag = "F", stream = "stderr" }
  }
  expect {
    value = { log = "2026-11-28 GET /", logtag = "F", stream = "stdout" }
  }
}
