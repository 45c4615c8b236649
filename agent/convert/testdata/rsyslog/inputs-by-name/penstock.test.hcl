case "what came by UDP is chosen by the module" {
  input = input.syslog.syslog
  lines = ["<13>1 2026-01-31T12:00:00Z web nginx - - - hello"]
  expect { topic = "datagrams" }
}

case "what came by TCP is chosen by the name" {
  input = input.syslog.syslog_2
  lines = ["<13>1 2026-01-31T12:00:00Z web nginx - - - hello"]
  expect { topic = "nginx" }
}
