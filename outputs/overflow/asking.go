package overflow

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool"
)

// claimAsking reports whether it is time to ask whether the store would take an object, as one of
// the output's logs does at the start and from time to time. Who is told so asks.
func (s *Shared) claimAsking(now time.Time) bool {
	at := s.askAt.Load()
	next := now.Add(fault.Spread(spool.TryEvery)).UnixNano()
	return now.UnixNano() >= at && s.askAt.CompareAndSwap(at, next)
}

// askStore asks the store, until it would take an object, while it is not needed: the next outage
// is not the time to find out. What it fails with is told as what the mover fails with.
func (f *Controller) askStore(ctx context.Context, base string) error {
	return f.moving.persist(ctx, func() error {
		err := spool.TryUnder(ctx, f.moving.store, base)
		if errors.Is(err, spool.ErrUntold) {
			return nil
		}
		return err
	})
}

// adjustAsking starts and stops asking the store, of which whoever works with it knows more.
func (f *Controller) adjustAsking(ctx context.Context, idle bool) {
	if !idle {
		if f.onAsking != nil {
			f.onAsking.cancel()
			f.onAsking.stop(0)
			f.endAsking()
		}
		return
	}
	if f.onAsking == nil && f.To.claimAsking(time.Now()) {
		base := f.base
		f.onAsking = f.start(ctx, "asking", func(ctx, _ context.Context) error {
			return f.askStore(ctx, base)
		})
	}
}

// endAsking takes note of the end of asking: what was broken off is asked again.
func (f *Controller) endAsking() {
	if f.onAsking.err != nil {
		f.To.askAt.Store(0)
	}
	f.onAsking = nil
}
