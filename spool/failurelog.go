package spool

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

const (
	logAgainEvery = 5 * time.Minute
	minBackoff    = 200 * time.Millisecond
	maxBackoff    = 30 * time.Second
)

// failureLog says once that something fails, again at intervals, and when it works again. What it
// is that fails has a key, a log or an object: that others work says nothing about it. Safe for
// concurrent use.
type failureLog struct {
	log  *slog.Logger
	what string
	do   string // what a person can do about it
	flag func(float64)

	mu         sync.Mutex
	failing    map[string]string // the latest error, if it is one that trying again does not mend
	failures   int
	since      time.Time
	lastLogged time.Time
	logged     bool // that it fails, and not yet that it works
	last       string
}

func (t *failureLog) failed(key string, err error, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.failing) == 0 {
		t.failing, t.failures, t.since = map[string]string{}, 0, now
		t.flag(1)
	}
	t.failing[key], t.last = "", err.Error()
	if errors.Is(err, ErrRefused) {
		t.failing[key] = err.Error()
	}
	if t.failures++; !t.lastLogged.IsZero() && now.Sub(t.lastLogged) < logAgainEvery {
		return
	}
	t.lastLogged, t.logged = now, true
	t.log.Warn(
		t.what+" fails, trying again until it works",
		append(
			[]any{"error", err, "failures", t.failures, "since", t.since, "do", t.do},
			args...)...)
}

// worked tells that what key names works.
func (t *failureLog) worked(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.remove(key) || !t.logged {
		return
	}
	t.logged = false
	t.log.Info(
		t.what+" works again", "failures", t.failures,
		"after", time.Since(t.since).Round(time.Millisecond),
	)
}

// forget tells that what key names is not tried any more.
func (t *failureLog) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(key)
}

// refusal returns an error that trying again does not mend, "" if there is none.
func (t *failureLog) refusal() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := ""
	for _, err := range t.failing {
		if text == "" || err != "" && err < text {
			text = err
		}
	}
	return text
}

// remove reports whether key was the last that failed.
func (t *failureLog) remove(key string) bool {
	if _, ok := t.failing[key]; !ok {
		return false
	}
	if delete(t.failing, key); len(t.failing) > 0 {
		return false
	}
	t.flag(0)
	return true
}

// throttledLog says at intervals that something happens which is no failure of the archiver. Safe
// for concurrent use.
type throttledLog struct {
	log  *slog.Logger
	what string
	do   string

	mu         sync.Mutex
	n          int64
	lastLogged time.Time
}

func (n *throttledLog) add(args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	if now := time.Now(); now.Sub(n.lastLogged) >= logAgainEvery {
		n.lastLogged = now
		n.log.Warn(n.what, append(args, "so_far", n.n, "do", n.do)...)
	}
}

// pause sleeps before attempt n+1, with jitter, or until ctx ends.
func pause(ctx context.Context, n int) error {
	if n <= 0 {
		return ctx.Err()
	}
	back := backoff(n)
	return back.Wait(ctx)
}

// backoff returns the waits from the one before attempt n+1 on.
func backoff(n int) fault.Backoff {
	return fault.Backoff{Min: minBackoff, Max: maxBackoff, Half: true, Failures: n - 1}
}
