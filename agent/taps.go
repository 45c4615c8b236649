package agent

import (
	"strings"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Tap implements admin.Agent. A pipeline and an input show what they have taken in, an output what
// it is given. Of an output of several pipelines, it is that of the first one.
func (a *Agent) Tap(of string) *admin.Tap {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := strings.TrimPrefix(of, "pipeline.")
	if p := a.pipelines[name]; p != nil {
		return p.tap
	}
	for _, p := range a.cur.plans {
		running := a.pipelines[p.spec.Name]
		if running == nil {
			continue
		}
		if u := running.outputs[of]; u != nil {
			return &u.tap
		}
		if u := running.inputs[of]; u != nil {
			return &u.tap
		}
		for _, in := range running.plan.inputs {
			if in.id == of && in.source != nil {
				return running.tap // its output reads this input's logs; several inputs share it
			}
		}
	}
	return nil
}

// Condition implements admin.Agent.
func (a *Agent) Condition(text string) (func(*record.Batch) *record.Batch, error) {
	e, err := filter.NewExpression(text)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	name := a.cur.cfg.Agent.Name
	a.mu.Unlock()
	where, err := filter.NewWhere(
		filter.WhereConfig{Condition: e},
		filter.Env{Name: "tap", Agent: name, Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		return nil, err
	}
	chain := filter.Chain{where}
	return func(b *record.Batch) *record.Batch {
		if out := chain.Apply(b).Batch; out.Len() > 0 {
			return out
		}
		return nil
	}, nil
}
