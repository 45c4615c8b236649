package agent

import (
	"context"

	"github.com/penstock/penstock/agent/push"
	"github.com/prometheus/client_golang/prometheus"
)

// startPush pushes metrics, if that is configured, until stop, which waits for the last of them.
func (a *Agent) startPush(ctx context.Context) (stop func()) {
	cfg := a.cur.cfg.Agent
	if cfg.Metrics == nil {
		return func() {}
	}
	p := push.New(push.Config(*cfg.Metrics), cfg.Name, a.opts.Version, a.registries, a.log)
	reg := &registry{name: "push", all: prometheus.NewRegistry()}
	reg.all.MustRegister(p.Collectors()...)
	a.registries.show(reg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it tells of the stop, too
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
