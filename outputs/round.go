package outputs

import (
	"context"
	"sync"
)

// Round is what the Starts between two new beginnings of a flight have in common. A writer that
// fails a batch for now notes what of its order has failed, so that a later batch of the round,
// whose Start may have crossed with that failure, does not overtake it. That one fails too, and
// both come again, in order, in another round. Safe for concurrent use; nil, of Starts that belong
// to none, holds nothing.
type Round struct {
	mu     sync.Mutex
	failed map[any]struct{}
	all    bool
}

type roundKey struct{}

// WithRound begins a round. Its ctx is one of its own.
func WithRound(ctx context.Context) context.Context {
	return context.WithValue(ctx, roundKey{}, new(Round))
}

// RoundOf returns the round that a Start with ctx belongs to; nil if it belongs to none.
func RoundOf(ctx context.Context) *Round {
	r, _ := ctx.Value(roundKey{}).(*Round)
	return r
}

// Fail notes that what keeps an order of its own, such as a partition, has failed. key is
// comparable.
func (r *Round) Fail(key any) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = map[any]struct{}{}
	}
	r.failed[key] = struct{}{}
}

// FailAll notes that nothing of the round may follow.
func (r *Round) FailAll() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = true
}

// Failed reports whether what comes for key would overtake something.
func (r *Round) Failed(key any) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, failed := r.failed[key]
	return failed || r.all
}
