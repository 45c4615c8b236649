package forward

import (
	"context"
	"errors"
	"sync"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/outputs"
)

// Preflight implements preflight.Checker: each server can be connected to, and shakes hands where
// there is a shared key.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	f, err := New(*c, outputs.Env{
		Name: env.Name, Agent: env.Agent, Log: env.Log, Metrics: env.Metrics,
	})
	if err != nil {
		r.Unreachable("servers", err)
		return
	}
	defer f.Close()
	var wg sync.WaitGroup
	for _, s := range f.servers {
		wg.Go(func() {
			target := "server " + s.cfg.Name + " (" + s.cfg.Address + ")"
			l, _, err := s.take(ctx)
			if h, ok := errors.AsType[*handshakeError](err); ok {
				r.Fail(target, h.do, "%v", h.err)
				return
			}
			if err != nil {
				r.Unreachable(target, err)
				return
			}
			s.give(l)
			how := "can be connected to"
			if s.tls != nil {
				how += ", with TLS"
			}
			if first(s.cfg.SharedKey, c.SharedKey) != "" {
				r.OK(target, "%s, and knows the shared key", how)
			} else {
				r.OK(target, "%s; it is asked for nothing without a shared key", how)
			}
		})
	}
	wg.Wait()
}
