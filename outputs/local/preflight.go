package local

import (
	"context"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// Preflight implements preflight.Checker.
func (c *Config) Preflight(_ context.Context, _ preflight.Env, r *preflight.Report) {
	preflight.Directory(c.Directory, r)
}
