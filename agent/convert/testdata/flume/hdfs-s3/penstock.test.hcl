case "a day is one of Berlin" {
  time  = "2024-02-29T23:30:00Z"
  lines = ["one"]
  expect { object = "secure/dt=2024-03-01/hr=00" }
}
