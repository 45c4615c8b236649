package outputs

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is capped exponential backoff with full jitter. The zero failures count is the state after a success.
type backoff struct {
	Retry
	failures int
}

// next returns how long to wait before the next attempt.
func (b *backoff) next() time.Duration {
	limit := b.Max
	if b.failures < 32 {
		limit = min(limit, b.Min<<b.failures)
	}
	if limit <= 0 { // the shift overflowed
		limit = b.Max
	}
	b.failures++
	return rand.N(limit) + 1
}

// wait sleeps for next, or until ctx ends, whose error it returns.
func (b *backoff) wait(ctx context.Context) error { return sleep(ctx, b.next()) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
