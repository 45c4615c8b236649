package spool

import (
	"sync"
	"time"
)

// An upload that takes longer than patience, and patienceMiB more for each MiB, is told: a store
// that takes a connection and says nothing is an error only after minutes.
const patience, patienceMiB = 20 * time.Second, time.Second

// underway knows the uploads that the store has been given and has not answered. Safe for
// concurrent use; the zero value is ready.
type underway struct {
	mu  sync.Mutex
	all map[*handed]struct{}
	// when the first was begun of those that failed and took long; zero once one works
	since time.Time
}

// handed is an upload under way.
type handed struct {
	what  string
	size  int64
	begun time.Time
}

func (h *handed) isLate(now time.Time) bool {
	return now.Sub(h.begun) >= patience+time.Duration(h.size>>20)*patienceMiB
}

// hand notes that an upload begins. end notes how it has ended.
func (u *underway) hand(what string, size int64) (end func(error)) {
	h := &handed{what, size, time.Now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[*handed]struct{}{}
	}
	u.all[h] = struct{}{}
	return func(err error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.all, h)
		switch {
		case err == nil:
			u.since = time.Time{}
		case u.since.IsZero() && h.isLate(time.Now()):
			u.since = h.begun
		}
	}
}

// overdue returns since when the store is waited for that should have answered by now, and for
// what; since is zero if there is nothing. failed is since when uploads that have failed were
// waited for.
func (u *underway) overdue(now time.Time) (since time.Time, what string, failed time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for h := range u.all {
		if h.isLate(now) && (since.IsZero() || h.begun.Before(since)) {
			since, what = h.begun, h.what
		}
	}
	return since, what, u.since
}
