case "joined" {
  input = input.tail.java
  lines = ["2024-01-01 a", " b", "2024-01-02 c"]
  expect { value = "2024-01-01 a\n b" }
  expect { value = "2024-01-02 c" }
}
