case "a firewall's denials" {
  input = input.syslog.syslog
  lines = ["<164>Oct 11 22:14:15 asa-1 %ASA-4-106023: Deny tcp src outside"]
  expect { to = [output.kafka.kafka, output.kafka.kafka_2] }
}
case "noise of the network" {
  input = input.syslog.syslog
  lines = [
    "<166>Oct 11 22:14:15 sw-1 lldpd: heartbeat",
    "<167>Oct 11 22:14:15 sw-1 lldpd: any debug message",
  ]
  discarded = 2
}
case "a switch" {
  input = input.syslog.syslog
  lines = ["<165>Oct 11 22:14:15 sw-1 ifmgr: Eth1/1 Link Down"]
  expect { to = [output.file.file, output.file.file_2, output.kafka.kafka_3] }
}
case "a login" {
  input = input.syslog.syslog_3
  lines = ["<86>Oct 11 22:14:15 web-1 sshd[22]: Accepted publickey"]
  expect { topic = "auth" }
}
case "messages by facility and severity" {
  input = input.syslog.syslog_3
  lines = [
    "<28>Oct 11 22:14:15 web-1 dockerd[1]: slow",
    "<75>Oct 11 22:14:15 web-1 cron[1]: failed",
    "<22>Oct 11 22:14:15 web-1 postfix[1]: sent",
  ]
  expect { to = [output.file.file_3, output.file.file_4, output.file.file_10] }
  expect { to = [output.file.file_6, output.file.file_10] }
  expect { to = [output.file.file_5, output.file.file_10] }
}
case "a program in several conditions" {
  input = input.syslog.syslog_3
  lines = [
    "<131>Oct 11 22:14:15 db-1 shop-api: query failed",
    "<134>Oct 11 22:14:15 db-1 shop-api: GET /healthz",
    "<134>Oct 11 22:14:15 db-1 backup: debug GET /",
  ]
  expect { to = [output.kafka.kafka_5, output.file.file_4, output.file.file_8, output.file.file_10] }
  expect { to = [output.file.file_4, output.file.file_8, output.file.file_9, output.file.file_10] }
  expect { to = [output.file.file_4, output.file.file_7] }
}
