case "joined, and without what is dropped" {
  lines     = ["2024-01-01 boom", " at x", "2024-01-02 DEBUG no", "2024-01-03 ok"]
  discarded = 1
  expect { value = "2024-01-01 boom\n at x" }
  expect { value = "2024-01-03 ok" }
}
