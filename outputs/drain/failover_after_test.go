package drain_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
)

// deaf keeps what it is given until it is closed, whoever gives it up: as a Kafka producer does
// with what it may have sent.
type deaf struct {
	mu   sync.Mutex
	kept []func(error)
}

func (d *deaf) Start(_ context.Context, _ *record.Batch, done func(error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = append(d.kept, done)
}

func (*deaf) Probe(context.Context) error { return context.DeadlineExceeded }

func (d *deaf) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, done := range d.kept {
		done(context.Canceled)
	}
	d.kept = nil
	return nil
}

// The wait for answers of a destination that has given none for as long as after must not come on
// top of after.
func TestFailoverBeginsAfterAfter(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 5 * time.Second, 30 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, true)
				r.c.Failover.After = after
				var err error
				r.d, err = drain.NewAsyncOutput(
					&deaf{}, r.c, r.f.env, drain.Targets{DeadLetter: r.dead, Overflow: r.store},
				)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				errc := make(chan error, 1)
				go func() { errc <- r.d.Drain(ctx, r.log.Owner()) }()
				synctest.Wait()
				r.g.fill(r.log, 1, 5, 5)
				begin := time.Now()
				for r.state() != overflow.StateOverflow {
					if time.Since(begin) > time.Minute {
						t.Fatal("no failover at all")
					}
					time.Sleep(50 * time.Millisecond)
				}
				if took := time.Since(
					begin,
				); took < after ||
					took > after+after/5+500*time.Millisecond {
					t.Errorf("failover began after %v", took)
				}
				since := r.d.Status().Logs[0].Since
				if late := since.Sub(begin); late > 100*time.Millisecond {
					t.Errorf("it says that the destination was away %v later than it was", late)
				}
				r.log.Seal()
				cancel()
				r.d.Close()
				<-errc
			})
		})
	}
}
