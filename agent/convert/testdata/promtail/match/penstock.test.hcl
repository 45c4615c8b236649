case "by label and line" {
  lines     = ["panic: oops", "health is ok", "health is ok keep", "fine"]
  discarded = 1
  expect { headers = { severity = "high", app = "web" } }
  expect { value = "health is ok keep" }
  expect { value = "fine" }
}
