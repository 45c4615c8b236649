package spool

import (
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long an upload may stand still: a store that takes a connection and says nothing
// is an error only after minutes. What is made durable in one go has longer, by its size.
const patience, patienceMiB = 20 * time.Second, time.Second

// underway knows the uploads that the store has been given and has not answered. Safe for
// concurrent use; the zero value is ready.
type underway struct {
	mu  sync.Mutex
	all map[*handed]struct{}
	// since when the first of those stood still that failed so; zero once one works
	since time.Time
}

// handed is an upload under way.
type handed struct {
	u        *underway
	what     string
	patience time.Duration
	moved    atomic.Int64 // when it was begun or something of it was read last, in Unix nanoseconds
}

// hand notes that an upload begins.
func (u *underway) hand(what string, patience time.Duration) *handed {
	h := &handed{u: u, what: what, patience: patience}
	h.move()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[*handed]struct{}{}
	}
	u.all[h] = struct{}{}
	return h
}

// move notes that the store goes on.
func (h *handed) move() { h.moved.Store(time.Now().UnixNano()) }

// end notes how it has ended.
func (h *handed) end(err error) {
	h.u.mu.Lock()
	defer h.u.mu.Unlock()
	delete(h.u.all, h)
	if err == nil {
		h.u.since = time.Time{}
	} else if since := h.late(time.Now()); h.u.since.IsZero() {
		h.u.since = since
	}
}

// late returns since when it stands still, if that is too long.
func (h *handed) late(now time.Time) (since time.Time) {
	if moved := time.Unix(0, h.moved.Load()); now.Sub(moved) >= h.patience {
		return moved
	}
	return time.Time{}
}

// overdue returns since when the store is waited for that should have gone on by now, and for what;
// since is zero if there is nothing. failed is since when uploads stood still that have failed.
func (u *underway) overdue(now time.Time) (since time.Time, what string, failed time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for h := range u.all {
		if t := h.late(now); !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since, what = t, h.what
		}
	}
	return since, what, u.since
}
