case "by the header" {
  input = input.tcp.avro1
  lines = ["x"]
  expect { to = [output.kafka.k2, output.stdout.k3] }
}
case "another source has no selector" {
  input = input.udp.net1
  lines = ["x"]
  expect { to = [output.kafka.k1] }
}
