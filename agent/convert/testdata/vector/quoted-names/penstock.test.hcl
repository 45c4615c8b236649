case "names that have dots" {
  lines = ["{\"labels\":{\"app.kubernetes.io/name\":\"shop\",\"b\":1},\"plain\":\"p\",\"z.z\":\"1\",\"n.n\":2}"]
  expect {
    value = {
      labels = { b = 1 }, app = "shop", out = { "a.b" = "p" }, plain = "p", "x-y" = "1", yes = true, "n.n" = "changed"
    }
    topic = "t-p"
    key   = "1"
  }
}
