package outputtest

import (
	"log/slog"
	"testing"

	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
)

// Env returns what an agent would lend to an output: no logs, a fresh registry, a directory.
func Env(t testing.TB, name string) outputs.Env {
	return outputs.Env{
		Name:    name,
		Agent:   "edge-1",
		Log:     slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(),
		Dir:     t.TempDir(),
	}
}
