package fault

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

// KeyedLog is a FailureLog of several things, each with a key, that fail and work by themselves: it
// logs when one begins to fail, at intervals while any does, and when all work again. That others
// work says nothing of one. The fields in capitals are set before it is used. Safe for concurrent
// use.
type KeyedLog[K comparable] struct {
	Log   *slog.Logger
	Fails string                 // "uploading fails, trying again until it works"
	Works string                 // "uploading works again"
	Do    func(err error) string // what a person can do about it

	// OnChange, if there is one, is told when the first begins to fail and when the last ends to.
	OnChange func(failing bool)
	// Due, if there is one, reports whether a failure is logged that is not the first of an outage.
	// Without it a failure is logged at intervals, be it the first of an outage or not.
	Due func(err error, now time.Time) bool
	// Resumes, if there is one, reports whether what begins to fail now is still the outage whose
	// latest failure was at last, though nothing was known to fail in between.
	Resumes func(last time.Time) bool

	mu         sync.Mutex
	failing    map[K]error // the latest error of each
	since      time.Time   // when the outage began
	failures   int
	last       error
	lastAt     time.Time // of the latest failure
	lastLogged time.Time
	isLogged   bool // that it fails, and not yet that it works
}

// Failed tells that what key names fails. args go into the line, if there is one.
func (t *KeyedLog[K]) Failed(key K, err error, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.failing) == 0 {
		t.begin(now)
	}
	t.failing[key], t.last, t.lastAt = err, err, now
	if t.failures++; !t.due(err, now) {
		return
	}
	t.lastLogged, t.isLogged = now, true
	args = append(args, "error", err, "failures", t.failures, "failing", len(t.failing),
		"since", t.since, "do", t.Do(err))
	t.Log.Warn(t.Fails, args...)
}

func (t *KeyedLog[K]) begin(now time.Time) {
	t.failing = map[K]error{}
	if !t.isLogged {
		t.failures = 0
	}
	if t.lastAt.IsZero() || t.Resumes == nil || !t.Resumes(t.lastAt) {
		t.since = now
	}
	if t.OnChange != nil {
		t.OnChange(true)
	}
}

func (t *KeyedLog[K]) due(err error, now time.Time) bool {
	if t.Due != nil {
		return t.Due(err, now) || t.failures == 1
	}
	return t.lastLogged.IsZero() || now.Sub(t.lastLogged) >= logEvery
}

// Worked tells that what keys name works.
func (t *KeyedLog[K]) Worked(keys ...K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(keys...)
	if len(t.failing) > 0 || !t.isLogged {
		return
	}
	t.isLogged = false
	t.Log.Info(
		t.Works, "after", time.Since(t.since).Round(time.Millisecond).String(),
		"failures", t.failures,
	)
}

// Forget tells that what key names is not tried any more.
func (t *KeyedLog[K]) Forget(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(key)
}

func (t *KeyedLog[K]) remove(keys ...K) {
	before := len(t.failing)
	for _, key := range keys {
		delete(t.failing, key)
	}
	if before > 0 && len(t.failing) == 0 && t.OnChange != nil {
		t.OnChange(false)
	}
}

// Outage is what is known of the latest time that something failed.
type Outage struct {
	Failing  int // how many fail now; with 0 it is over
	Failures int
	Since    time.Time
	LastAt   time.Time // of the latest failure
	Last     error
}

// Outage returns the latest.
func (t *KeyedLog[K]) Outage() Outage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Outage{len(t.failing), t.failures, t.since, t.lastAt, t.last}
}

// Refusal returns the latest error of one whose failure is hopeless, an error that trying again
// does not mend; "" if there is none.
func (t *KeyedLog[K]) Refusal(hopeless error) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := ""
	for _, err := range t.failing {
		if errors.Is(err, hopeless) && (text == "" || err.Error() < text) {
			text = err.Error()
		}
	}
	return text
}
