case "the file's name alone is a header" {
  path  = "/srv/partners/in/2026/acme-orders.csv"
  input = input.tail.drops
  lines = ["1;2"]
  expect {
    value   = "1;2"
    headers = { file = "acme-orders.csv" }
    to      = [output.gcs.raw-gcs]
  }
}
case "a file of another name" {
  path  = "/srv/partners/in/2026/Acme-orders.csv"
  input = input.tail.drops
  lines = ["1;2"]
  discarded = 1
}
