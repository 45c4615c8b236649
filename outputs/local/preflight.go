package local

import (
	"context"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// Preflight implements preflight.Checker.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	c.TryRest(ctx, env, r)
	preflight.Directory(c.Directory, r)
}
