case "dates by a pattern of Java" {
  path  = "app-web"
  lines = ["{\"time\":\"2017-08-01T04:15:30.250+0000\"}"]
  expect { object = "app-web/date-20170801/h-04" }
}
