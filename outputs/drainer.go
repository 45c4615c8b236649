package outputs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// Targets are the resolved references of a Common.
type Targets struct {
	DeadLetter DeadLetter // where refused records go; required
	// At most one of these is set, and one must be if Common.Failover is.
	Overflow spool.Store // failover.to is an object store: the Store of a Storer
	Standby  *Drainer    // failover.to is a streaming output
}

// Drainer is an Output made of a writer: the shared drain loop with its window, retry, dead letter and failover.
type Drainer struct {
	to  shared
	cfg Common

	mu     sync.Mutex
	drains map[*drain]struct{}
}

// NewOutput wraps w, which the Drainer owns from then on.
func NewOutput(w Writer, c Common, env Env, t Targets) (*Drainer, error) {
	return newDrainer(&sender{sync: w, closer: w}, w, c, env, t)
}

// NewAsyncOutput wraps w, which the Drainer owns from then on.
func NewAsyncOutput(w AsyncWriter, c Common, env Env, t Targets) (*Drainer, error) {
	return newDrainer(&sender{async: w, closer: w}, w, c, env, t)
}

func newDrainer(s *sender, w any, c Common, env Env, t Targets) (*Drainer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case t.DeadLetter == nil:
		return nil, errors.New("dead_letter: no target")
	case c.Failover != nil && (t.Overflow == nil) == (t.Standby == nil):
		return nil, fmt.Errorf("failover.to: %s is neither an object store nor a streaming output", c.Failover.To)
	case t.Standby != nil && t.Standby.to.env.Name == env.Name:
		return nil, fmt.Errorf("failover.to: %s cannot stand by for itself", c.Failover.To)
	}
	s.init(w, c, env, t.DeadLetter)
	d := &Drainer{
		to:  shared{destination: destination{send: s, retry: c.Retry}, env: env, store: t.Overflow},
		cfg:    c, drains: map[*drain]struct{}{},
	}
	if t.Standby != nil {
		d.to.standby = t.Standby.to.send
	}
	if t, ok := w.(Transactor); ok {
		if every, wanted := t.Transactions(); wanted {
			d.to.transactor, d.to.every, d.to.lost = t, every, newLostPositions(env.Metrics)
		}
	}
	if d.to.transactor != nil && d.to.standby != nil {
		return nil, fmt.Errorf("failover.to: %s stands by with another destination, which no transaction can include: with delivery = \"exactly_once\" name an object store (s3, gcs, local)", c.Failover.To)
	}
	if c.Failover != nil {
		d.to.over = newOverflowMetrics(env.Metrics)
		env.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "penstock_overflow_stuck_logs", Help: "Logs whose overflow waits for a person: the object store refuses what trying again does not mend.",
		}, func() float64 { return float64(len(d.Stuck())) }))
	}
	return d, nil
}

// Drain implements Output. Logs drained at the same time share the writer, but neither window nor failover state.
func (d *Drainer) Drain(ctx context.Context, log record.Log) error {
	r := newDrain(d, log)
	d.mu.Lock()
	d.drains[r] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.drains, r)
		d.mu.Unlock()
	}()
	return r.run(ctx)
}

// Deliver sends b until every record has been taken or buried. It fails only with ctx's error. Safe for concurrent use.
func (d *Drainer) Deliver(ctx context.Context, b *record.Batch) error {
	_, err := d.to.send.deliver(ctx, b, nil)
	return err
}

// Destination returns where a replay sends what it reads.
func (d *Drainer) Destination() destination { return d.to.destination }

// Close implements Output. It closes the writer, not the targets.
func (d *Drainer) Close() error { return d.to.send.closer.Close() }

func newLostPositions(r prometheus.Registerer) prometheus.Counter {
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penstock_output_positions_lost_total",
		Help: "Positions committed with exactly_once that the destination no longer had.",
	})
	r.MustRegister(lost)
	return lost
}
