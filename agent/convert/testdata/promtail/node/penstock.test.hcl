env = { NODE_NAME = "node-1" }

case "JSON of the shop: what is taken out, a line made of it, labels" {
  input   = input.tail.kubernetes-pods
  path    = "/var/log/pods/prod_shop_u-1/shop/0.log"
  lines   = ["2026-01-31T10:00:00.5Z stdout F {\"severity\":\"WARN\",\"message\":\"slow\",\"took_ms\":700,\"trace.id\":\"t1\",\"context\":{\"user\":{\"id\":7}},\"time\":\"2026-01-31T09:59:59.123Z\"}"]
  expect {
    value   = { severity = "WARN", level = "warn", took_ms = 700, took = 700, msg = "slow", message = "warn: slow (700 ms)", summary = "warn: slow (700 ms)", "trace.id" = "t1", trace = "t1", user = 7, context = { user = { id = 7 } }, time = "2026-01-31T09:59:59.123Z" }
    headers = { level = "warn", trace_id = "t1", user_id = "7" }
  }
}
case "two fields that have to be so" {
  input     = input.tail.audit
  lines     = ["{\"verb\":\"get\",\"stage\":\"ResponseStarted\"}"]
  discarded = 1
}
