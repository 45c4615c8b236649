env = { SHARED_KEY = "any" }

case "a line of containerd, without the labels that kubernetes was asked for" {
  path      = "/var/log/containers/a.log"
  lines     = ["2024-02-29T10:00:00.123456789Z stdout F hello"]
  discarded = 1
}
