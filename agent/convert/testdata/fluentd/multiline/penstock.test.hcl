case "an exception of Java, as fluentd's documentation has it" {
  input = input.tail.app
  path  = "/var/log/java/app.log"
  lines = [
    "2013-3-03 14:27:33 [main] INFO  Main - Start",
    "2013-3-03 14:27:33 [main] ERROR Main - Exception",
    "javax.management.RuntimeErrorException: null",
    "    at Main.main(Main.java:16) ~[bin/:na]",
  ]
  expect {
    value = { thread = "main", level = "INFO", message = "  Main - Start", file = "/var/log/java/app.log" }
    time  = "2013-03-03T14:27:33Z"
    to    = [output.stdout.stdout]
  }
  expect {
    fields = {
      level   = "ERROR"
      message = " Main - Exception\njavax.management.RuntimeErrorException: null\n    at Main.main(Main.java:16) ~[bin/:na]"
    }
  }
}
case "csv" {
  input = input.tail.sales
  lines = ["1361991600;acme;12.5"]
  expect {
    value = { customer = "acme", amount = 12.5 }
    time  = "2013-02-27T19:00:00Z"
  }
}
case "ltsv" {
  input = input.tail.ltsv
  lines = ["time:2013-02-28T12:00:00Z\thost:192.168.0.1\treq_id:111"]
  expect {
    value = { host = "192.168.0.1", req_id = "111" }
    time  = "2013-02-28T12:00:00Z"
    to    = [output.http.http]
  }
}
