case "a container's line of JSON" {
  input = input.tail.container_1
  lines = ["2024-02-29T10:00:00Z stdout F {\"level\":\"info\"}"]
  expect {
    value = { level = "info", stream = "stdout", log_topic = "container" }
    topic = "container"
  }
}
case "a container's plain line" {
  input = input.tail.container_1
  lines = ["2024-02-29T10:00:00Z stdout F starting"]
  expect {
    value = { message = "starting", stream = "stdout", log_topic = "container" }
    topic = "container"
  }
}
case "in an object of its own" {
  input = input.tail.log_2
  lines = ["{\"log\":\"x\"}", "starting"]
  expect {
    value = { json = { log = "x" }, log_topic = "app" }
    topic = "app"
  }
  expect {
    value = { message = "starting", log_topic = "app" }
    topic = "app"
  }
}
