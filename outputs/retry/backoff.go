package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/penstock/penstock/outputs"
)

// Backoff is capped exponential backoff with full jitter. The zero failures count is the state
// after a success.
type Backoff struct {
	outputs.Retry
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
	return rand.N(limit) + 1
}

// Wait sleeps for next, or until ctx ends, whose error it returns.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

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
