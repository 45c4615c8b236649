case "object names" {
  path = "app-logs"
  time = "2020-01-01T00:00:00Z"
  lines = [
    "{\"timestamp\":1405970352123}",
    "{\"timestamp\":1405970352}",
    "{\"timestamp\":1405970352123000000}",
    "{}",
  ]
  expect { object = "app-logs/dt=2014-07-21/hr=19" }
  expect { object = "app-logs/dt=2014-07-21/hr=19" }
  expect { object = "app-logs/dt=2014-07-21/hr=19" }
  expect { dead_letter = "no usable event time" }
}
