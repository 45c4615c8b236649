case "each branch" {
  lines = [
    "{\"status\":503,\"path\":\"/x\"}", "{\"status\":503,\"path\":\"/health\"}", "{\"status\":404}",
    "{\"status\":200,\"kind\":\"c\"}", "{\"status\":200,\"kind\":\"a\",\"user\":{\"name\":\"me\"}}",
  ]
  expect { fields = { class = "server", alert = "yes" } }
  expect { fields = { class = "server" } }
  expect { fields = { class = "client" } }
  expect { fields = { class = "odd" } }
  expect { fields = { class = "fine" } }
}
