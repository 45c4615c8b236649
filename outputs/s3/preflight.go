package s3

import (
	"context"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/spool"
)

// Preflight implements preflight.Checker. S3 does not tell what a user may do: it has to be tried.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	c.TryRest(ctx, env, r)
	cfg := c.StoreConfig
	cfg.MaxAttempts = 1
	where := "s3://" + cfg.Bucket + "/" + spool.JoinPrefix(cfg.Prefix)
	store, err := NewStore(cfg)
	if err != nil {
		r.Unreachable(where, err)
		return
	}
	defer store.Close()
	spool.TryStore(ctx, store, where, env, r)
}
