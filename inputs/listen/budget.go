package listen

import (
	"errors"
	"sync"
	"time"
)

// ErrNoMemory is returned by a Budget that stayed exhausted.
var ErrNoMemory = errors.New("the memory for large messages is in use by other connections")

// Budget is memory shared by connections. Whoever fits goes first, so a large request does not hold
// up small ones. Safe for concurrent use.
type Budget struct {
	Wait time.Duration // how long Acquire waits

	mu      sync.Mutex
	free    int64
	changed chan struct{} // closed and replaced by Release
}

// NewBudget returns a Budget of size bytes.
func NewBudget(size int64, wait time.Duration) *Budget {
	return &Budget{Wait: wait, free: size, changed: make(chan struct{})}
}

// Acquire takes n bytes, waiting for them if need be.
func (b *Budget) Acquire(n int) error {
	var timeout <-chan time.Time
	for {
		changed, ok := b.take(n)
		if ok {
			return nil
		}
		if timeout == nil {
			t := time.NewTimer(b.Wait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-changed:
		case <-timeout:
			return ErrNoMemory
		}
	}
}

// TryAcquire takes n bytes if they are free.
func (b *Budget) TryAcquire(n int) bool { _, ok := b.take(n); return ok }

func (b *Budget) take(n int) (changed <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(n) > b.free {
		return b.changed, false
	}
	b.free -= int64(n)
	return nil, true
}

// Release gives n bytes back.
func (b *Budget) Release(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += int64(n)
	close(b.changed)
	b.changed = make(chan struct{})
}

// Free returns what is left.
func (b *Budget) Free() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free
}
