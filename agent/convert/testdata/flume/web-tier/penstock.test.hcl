env = { SHOP_ENV = "live" }

case "a file whose name the group's expression matches, with its headers" {
  path  = "/var/log/nginx/vhosts/shop-access-20260131.log"
  input = input.tail.access
  lines = ["GET /pay?card=4111111111111111 HTTP/1.1"]
  expect {
    value   = "GET /pay?card=411111******1111 HTTP/1.1"
    headers = { component = "nginx", datacenter = "fra1" }
    to      = [output.forward.g-access]
  }
}
case "a file that the glob alone matches" {
  path  = "/var/log/nginx/vhosts/shop2-access-20260131.log"
  input = input.tail.access
  lines = ["GET / HTTP/1.1"]
  discarded = 1
}
case "what a penstock sends, under the tag that it has there" {
  input = input.forward.in-app
  tag   = "in-app.app"
  lines = ["x"]
  expect { to = [output.kafka.bus] }
}
