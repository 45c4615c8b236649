package fault

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is capped exponential backoff with jitter. The zero failures count is the state after a
// success.
type Backoff struct {
	Min      time.Duration // upper bound of the first wait, doubled after each failure
	Max      time.Duration // upper bound of every wait
	Half     bool          // a wait is at least half of its upper bound; otherwise more than 0
	Failures int
}

// Next returns how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	limit := b.Max
	if b.Failures < 32 {
		limit = min(limit, b.Min<<b.Failures)
	}
	if limit <= 0 { // the shift overflowed
		limit = b.Max
	}
	b.Failures++
	if b.Half {
		return limit/2 + rand.N(limit/2+1)
	}
	return rand.N(limit) + 1
}

// Spread returns a time within a quarter of d, so that many agents that began to wait at once, as
// when they lose the same broker, do not come back at once.
func Spread(d time.Duration) time.Duration { return d - d/4 + rand.N(d/2+1) }

// Wait sleeps for next, or until ctx ends, whose error it returns.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep returns after d, or ctx's error once ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Persist calls do until it works, or ctx ends, whose error it returns. What fails goes to failed,
// whose error ends it if it has one; nothing that happens after the end of ctx goes there.
func Persist(
	ctx context.Context, back Backoff, do func() error, failed func(error) error,
) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := failed(err); err != nil {
			return err
		}
		if err := back.Wait(ctx); err != nil {
			return err
		}
	}
}
