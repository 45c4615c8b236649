package fault

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const maxLogged = 1024 // sources and messages that are told apart

// ThrottledLog logs what sources do wrong: once per source and message, then at intervals with the
// number of times. Safe for concurrent use.
type ThrottledLog struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[warning]*logged
}

type warning struct{ source, message string }

type logged struct {
	at    time.Time
	since int
}

// NewThrottledLog returns a ThrottledLog that writes to log.
func NewThrottledLog(log *slog.Logger) *ThrottledLog {
	return &ThrottledLog{log: log, seen: map[warning]*logged{}}
}

// Warn logs message about source unless it was logged a short while ago.
func (n *ThrottledLog) Warn(source, message string, args ...any) {
	since, ok := n.due(warning{source, message}, time.Now())
	if !ok {
		return
	}
	args = append([]any{"source", source}, args...)
	if since > 0 {
		args = append(args, "times_since_last", since)
	}
	n.log.Log(context.Background(), slog.LevelWarn, message, args...)
}

func (n *ThrottledLog) due(key warning, now time.Time) (since int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.seen[key]
	if s == nil && len(n.seen) >= maxLogged {
		for k, old := range n.seen {
			if now.Sub(old.at) > logEvery {
				delete(n.seen, k)
			}
		}
		if len(n.seen) >= maxLogged { // very many sources: they share one line from here on
			key.source = ""
			s = n.seen[key]
		}
	}
	if s == nil {
		n.seen[key] = &logged{at: now}
		return 0, true
	}
	s.since++
	if now.Sub(s.at) < logEvery {
		return 0, false
	}
	since, s.since, s.at = s.since, 0, now
	return since, true
}
