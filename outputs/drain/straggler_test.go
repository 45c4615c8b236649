package drain_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
)

// deafWriter is a Writer whose writes do not end with their ctx while stuck is set: they wait for
// it to be closed, and are carried out then.
type deafWriter struct {
	outputs.Writer
	outputs.Prober

	mu    sync.Mutex
	stuck chan struct{}
}

func (w *deafWriter) Write(ctx context.Context, b *record.Batch) error {
	w.mu.Lock()
	stuck := w.stuck
	w.mu.Unlock()
	if stuck != nil {
		<-stuck
		ctx = context.WithoutCancel(ctx)
	}
	return w.Writer.Write(ctx, b)
}

func (w *deafWriter) setStuck(stuck chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = stuck
}

// A flight that was given up may have left writes behind that are still under way. Neither a replay
// nor the next flight of the log begins before they have returned and it is known what they
// delivered: it would send that again, and overtake it.
func TestFlightsWaitForWritesThatWereGivenUp(t *testing.T) {
	for store, next := range map[string]string{
		"works": overflow.StateReplay, "fails": overflow.StateDirect,
	} {
		t.Run("the store "+store, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, false)
				r.c.Failover.After, r.c.Failover.Recover = time.Minute, 5*time.Second
				w := &deafWriter{Writer: r.dest.Writer(), Prober: r.dest}
				d, err := drain.NewOutput(
					w, r.c, r.f.env, drain.Targets{DeadLetter: r.dead, Overflow: r.store},
				)
				if err != nil {
					t.Fatal(err)
				}
				r.d = d
				var ctx context.Context
				ctx, r.cancel = context.WithCancel(t.Context())
				r.errc = make(chan error, 1)
				owner := r.log.Owner()
				go func() { r.errc <- d.Drain(ctx, owner) }()
				r.feed(time.Second)

				if store == "fails" {
					r.store.SetFault(
						func(string, string) outputtest.StoreFault { return outputtest.StoreFails },
					)
				}
				stuck := make(chan struct{})
				w.setStuck(stuck)
				await := func(state string) {
					for waited := 0; r.state() != state; waited++ {
						if r.feed(100 * time.Millisecond); waited > 3000 {
							t.Fatalf("state %s, not %s", r.state(), state)
						}
					}
				}
				await(overflow.StateOverflow)
				// what comes from here on would get through, and the destination answers
				w.setStuck(nil)
				await(next)
				r.feed(time.Second)
				time.Sleep(40 * time.Second) // a standby would not wait as long
				close(stuck)
				r.store.SetFault(nil)
				r.feed(3 * time.Minute)
				r.finish()
				if n := r.check(true); n != 0 {
					t.Errorf("%d repeats", n)
				}
			})
		})
	}
}
