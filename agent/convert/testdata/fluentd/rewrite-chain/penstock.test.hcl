case "a rule for the tag that another one has given" {
  tag   = "app.web"
  lines = ["{\"level\":\"ERROR\",\"env\":\"prod\"}"]
  expect {
    value = { level = "ERROR", env = "prod", tag = "page.web.err.app.web", kind = "page" }
    topic = "page"
  }
}
case "traces are joined under the new tag" {
  tag   = "app.web"
  lines = [
    "{\"level\":\"ERROR\",\"env\":\"dev\",\"message\":\"java.lang.Exception: x\"}",
    "{\"level\":\"ERROR\",\"env\":\"dev\",\"message\":\"\\tat a.B.c(B.java:1)\"}",
  ]
  expect {
    fields = { message = "java.lang.Exception: x\n\tat a.B.c(B.java:1)", tag = "mail.web" }
    topic  = "mail"
  }
}
case "a rule that stands too early, and a tag that no rule is for" {
  tag   = "app.web"
  lines = ["{\"level\":\"LATE\"}", "{\"level\":\"INFO\",\"env\":\"prod\"}"]
  expect {
    fields = { tag = "late.app.web" }
    topic  = "rest"
  }
  expect {
    fields = { tag = "ok.app.web" }
    topic  = "rest"
  }
}
case "a tag that no rule has given" {
  tag   = "err.direct.x"
  lines = ["{\"env\":\"prod\"}"]
  expect {
    fields = { tag = "page.x.err.direct.x" }
    topic  = "page"
  }
}
