package drain

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// Targets are the resolved references of a Common.
type Targets struct {
	DeadLetter outputs.DeadLetter // where refused records go; required
	// At most one of these is set, and one must be if Common.Failover is.
	Overflow spool.Store // failover.to is an object store: the Store of a Storer
	Standby  *Drainer    // failover.to is a streaming output
}

// Drainer is an Output made of a writer: the shared drain loop with its window, retry, dead letter
// and failover.
type Drainer struct {
	to  overflow.Shared
	cfg outputs.Common

	mu     sync.Mutex
	drains map[*drain]struct{}
	left   map[string]*lasting // of logs that are not drained for now, by name
}

// NewOutput wraps w, which the Drainer owns from then on.
func NewOutput(w outputs.Writer, c outputs.Common, env outputs.Env, t Targets) (*Drainer, error) {
	return newDrainer(&deliver.Sender{Sync: w, Closer: w}, w, c, env, t)
}

// NewAsyncOutput wraps w, which the Drainer owns from then on.
func NewAsyncOutput(
	w outputs.AsyncWriter, c outputs.Common, env outputs.Env, t Targets,
) (*Drainer, error) {
	return newDrainer(&deliver.Sender{Async: w, Closer: w}, w, c, env, t)
}

func newDrainer(
	s *deliver.Sender, w any, c outputs.Common, env outputs.Env, t Targets,
) (*Drainer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case t.DeadLetter == nil:
		return nil, errors.New("dead_letter: no target")
	case c.Failover != nil && (t.Overflow == nil) == (t.Standby == nil):
		return nil, fmt.Errorf(
			"failover.to: %s is neither an object store nor a streaming output", c.Failover.To,
		)
	case t.Standby != nil && t.Standby.to.Env.Name == env.Name:
		return nil, fmt.Errorf("failover.to: %s cannot stand by for itself", c.Failover.To)
	}
	s.Init(w, c, env, t.DeadLetter)
	d := &Drainer{
		to: overflow.Shared{
			Destination: overflow.Destination{Send: s, Retry: c.Retry},
			Env:         env,
			Store:       t.Overflow,
		},
		cfg:    c,
		drains: map[*drain]struct{}{},
		left:   map[string]*lasting{},
	}
	if t.Standby != nil {
		d.to.Standby = t.Standby.to.Send
	}
	if t, ok := w.(outputs.Transactor); ok {
		if every, wanted := t.Transactions(); wanted {
			d.to.Transactor, d.to.Pace = t, deliver.NewCommitPace(every, env.Metrics)
			d.to.Lost = newLostPositions(env.Metrics)
		}
	}
	if d.to.Transactor != nil && d.to.Standby != nil {
		return nil, fmt.Errorf(
			"failover.to: %s stands by with another destination, which no transaction can include: with delivery = \"exactly_once\" name an object store (s3, gcs, local)",
			c.Failover.To,
		)
	}
	if c.Failover != nil {
		d.to.Over = overflow.NewOverflowMetrics(env.Metrics)
		env.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "penstock_overflow_stuck_logs",
			Help: "Logs whose overflow waits for a person: the object store refuses what trying again does not mend.",
		}, func() float64 { return float64(len(d.refused(true))) }))
	}
	return d, nil
}

// Drain implements Output. Logs drained at the same time share the writer, but neither window nor
// failover state. A log that is drained again is gone on with where the Drain before left it: what
// is delivered behind its position is not sent again, nor is what may yet be before that is known.
func (d *Drainer) Drain(ctx context.Context, log record.Log) error {
	r := newDrain(d, log, d.takeUp(log))
	d.mu.Lock()
	d.drains[r] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.drains, r)
		d.mu.Unlock()
	}()
	err := r.run(ctx)
	d.leave(log, r.lasting, err)
	return err
}

// Deliver sends b until every record has been taken or is a dead letter. It fails only with ctx's
// error. Safe for concurrent use.
func (d *Drainer) Deliver(ctx context.Context, b *record.Batch) error {
	_, err := d.to.Send.Deliver(ctx, b, nil)
	return err
}

// CountDead counts records that somebody else, such as a filter, has put into the dead letter.
func (d *Drainer) CountDead(n int) { d.to.Send.CountDead(n) }

// Destination returns where a replay sends what it reads.
func (d *Drainer) Destination() overflow.Destination { return d.to.Destination }

// Close implements Output. It closes the writer, not the targets.
func (d *Drainer) Close() error { return d.to.Send.Closer.Close() }

func newLostPositions(r prometheus.Registerer) prometheus.Counter {
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penstock_output_positions_lost_total",
		Help: "Positions committed with exactly_once that the destination no longer had.",
	})
	r.MustRegister(lost)
	return lost
}

// ExactlyOnce reports whether the Drainer asks its destination what it has committed of a log
// before it delivers.
func (d *Drainer) ExactlyOnce() bool { return d.to.Transactor != nil }
