case "labels are headers" {
  lines = ["{\"level\":\"info\",\"time\":\"2024-02-29T10:00:00Z\",\"ctx\":{\"user\":\"me\"}}"]
  expect {
    fields  = { level = "info", user = "me" }
    time    = "2024-02-29T10:00:00Z"
    headers = { level = "info", who = "me", env = "prod", job = "app" }
  }
}

case "a name in quotes is one with dots" {
  lines = ["{\"attrs\":{\"com.docker.compose.project\":\"shop\"}}"]
  expect {
    fields  = { project = "shop" }
    headers = { project = "shop", env = "prod", job = "app" }
  }
}

case "what it is looked for in may be missing" {
  lines = ["{\"level\":\"info\"}"]
  expect {
    headers = { level = "info", env = "prod", job = "app" }
  }
}
