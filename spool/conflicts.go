package spool

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const conflictLogEvery = 5 * time.Minute

// conflicts keeps account of the keys that hold another object than is to be put there: each stops
// its log until a person has looked at it, while others go on. Safe for concurrent use.
type conflicts struct {
	log   *slog.Logger
	count prometheus.Gauge

	mu   sync.Mutex
	keys map[string]conflict
}

func newConflicts(log *slog.Logger, count prometheus.Gauge) *conflicts {
	return &conflicts{log: log, count: count, keys: map[string]conflict{}}
}

type conflict struct {
	lastLogged time.Time
	text       string
}

// note takes down err if it tells of such a key.
func (o *conflicts) note(err error) bool {
	var e *ConflictError
	if !errors.As(err, &e) {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	said := o.keys[e.Key].lastLogged
	if now.Sub(said) >= conflictLogEvery {
		said = now
		o.log.Error(
			"an object cannot be stored because another is there; its log waits", "key", e.Key,
			"error", err, "do", e.Do(),
		)
	}
	o.keys[e.Key] = conflict{said, e.Error()}
	o.count.Set(float64(len(o.keys)))
	return true
}

// forget drops what was noted about a key.
func (o *conflicts) forget(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.keys[key]; ok {
		delete(o.keys, key)
		o.count.Set(float64(len(o.keys)))
	}
}

func (o *conflicts) reasons() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, key := range slices.Sorted(maps.Keys(o.keys)) {
		out = append(out, o.keys[key].text)
	}
	return out
}

// Stuck returns what only a person can mend: the archiver cannot go on by itself.
func (a *Archiver) Stuck() []string {
	out := a.failing.conflicts.reasons()
	if text := a.failing.store.Refusal(ErrRefused); text != "" {
		out = append(out, text)
	}
	return out
}
