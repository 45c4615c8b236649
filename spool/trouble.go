package spool

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	sayAgainEvery = 5 * time.Minute
	minBackoff    = 200 * time.Millisecond
	maxBackoff    = 30 * time.Second
)

// trouble says once that something fails, again at intervals, and when it works again. Safe for concurrent use.
type trouble struct {
	log  *slog.Logger
	what string
	do   string // what a person can do about it
	flag func(float64)

	mu       sync.Mutex
	failures int
	since    time.Time
	said     time.Time
	refused  string // the latest error, if it is one that trying again does not mend
}

func (t *trouble) failed(err error, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.refused = ""; errors.Is(err, ErrRefused) {
		t.refused = err.Error()
	}
	if t.failures++; t.failures == 1 {
		t.since = now
		t.flag(1)
	} else if now.Sub(t.said) < sayAgainEvery {
		return
	}
	t.said = now
	t.log.Warn(t.what+" fails, trying again until it works", append([]any{"error", err, "failures", t.failures, "since", t.since, "do", t.do}, args...)...)
}

func (t *trouble) worked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures > 0 {
		t.log.Info(t.what+" works again", "failures", t.failures, "after", time.Since(t.since).Round(time.Millisecond))
		t.failures, t.refused = 0, ""
		t.flag(0)
	}
}

func (t *trouble) refusal() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}

// notice says at intervals that something happens which is no failure of the archiver. Safe for concurrent use.
type notice struct {
	log  *slog.Logger
	what string
	do   string

	mu   sync.Mutex
	n    int64
	said time.Time
}

func (n *notice) add(args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	if now := time.Now(); now.Sub(n.said) >= sayAgainEvery {
		n.said = now
		n.log.Warn(n.what, append(args, "so_far", n.n, "do", n.do)...)
	}
}

// pause sleeps before attempt n+1, with jitter, or until ctx ends.
func pause(ctx context.Context, n int) error {
	if n <= 0 {
		return ctx.Err()
	}
	limit := min(minBackoff<<min(n-1, 10), maxBackoff)
	t := time.NewTimer(limit/2 + rand.N(limit/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
