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
	return a.tell(ctx, "push", p)
}

// teller tells others of the agent, until its context ends, and of its own work by metrics.
type teller interface {
	Run(ctx context.Context)
	Collectors() []prometheus.Collector
}

// tell runs t until stop, which waits for the last that it tells: the agent's stop.
func (a *Agent) tell(ctx context.Context, name string, t teller) (stop func()) {
	reg := &registry{name: name, all: prometheus.NewRegistry()}
	reg.all.MustRegister(t.Collectors()...)
	a.registries.show(reg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it tells of the stop, too
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
