case "a syslog line" {
  input = input.tcp.syslog
  time  = "2024-03-01T00:00:00Z"
  lines = ["Feb 29 10:00:00 web sshd[12]: hello"]
  expect {
    fields = { syslog_hostname = "web", program = "sshd", pid = "12", text = "hello", type = "syslog" }
    to     = [output.elasticsearch.elasticsearch]
    time   = "2024-02-29T09:00:00Z"
  }
}
