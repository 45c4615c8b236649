package listen

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	noteEvery = 5 * time.Minute
	maxNotes  = 1024
)

// Notes logs what sources do wrong: once per source and message, then at intervals with the number
// of times. Safe for concurrent use.
type Notes struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[note]*noted
}

type note struct{ source, message string }

type noted struct {
	at    time.Time
	since int
}

// NewNotes returns Notes that write to log.
func NewNotes(log *slog.Logger) *Notes { return &Notes{log: log, seen: map[note]*noted{}} }

// Warn logs message about source unless it was logged a short while ago.
func (n *Notes) Warn(source, message string, args ...any) {
	since, ok := n.due(note{source, message}, time.Now())
	if !ok {
		return
	}
	args = append([]any{"source", source}, args...)
	if since > 0 {
		args = append(args, "times_since_last", since)
	}
	n.log.Log(context.Background(), slog.LevelWarn, message, args...)
}

func (n *Notes) due(key note, now time.Time) (since int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.seen[key]
	if s == nil && len(n.seen) >= maxNotes {
		for k, old := range n.seen {
			if now.Sub(old.at) > noteEvery {
				delete(n.seen, k)
			}
		}
		if len(n.seen) >= maxNotes { // very many sources: they share one line from here on
			key.source = ""
			s = n.seen[key]
		}
	}
	if s == nil {
		n.seen[key] = &noted{at: now}
		return 0, true
	}
	s.since++
	if now.Sub(s.at) < noteEvery {
		return 0, false
	}
	since, s.since, s.at = s.since, 0, now
	return since, true
}
