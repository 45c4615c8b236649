case "lines are dropped, kept and masked" {
  lines     = ["DEBUG user=1", "INFO", "INFO user=2 card=123"]
  discarded = 2
  expect {
    value   = "INFO user=2 card=XXX"
    headers = { dc = "fra1" }
  }
}
