package agent

import (
	"slices"
	"sync"
	"time"
)

// brokenLogs are the logs of an output that fail and are drained again, while others go on. The
// zero value is ready to use.
type brokenLogs struct {
	mu   sync.Mutex
	logs map[string]*brokenLog
}

type brokenLog struct {
	err     string
	since   time.Time
	running time.Time // since when it is tried again; zero while that is waited for
}

// wellAfter is for how long a log that has failed has to be drained to count as mended.
const wellAfter = 10 * time.Second

func (b *brokenLog) well(now time.Time) bool {
	return !b.running.IsZero() && now.Sub(b.running) >= wellAfter
}

func (s *brokenLogs) failed(name, err string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = map[string]*brokenLog{}
	}
	b := s.logs[name]
	if b == nil || b.well(now) {
		b = &brokenLog{since: now}
		s.logs[name] = b
	}
	b.err, b.running = err, time.Time{}
}

func (s *brokenLogs) started(name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.logs[name]; b != nil {
		b.running = now
	}
}

// forget drops a log that has ended.
func (s *brokenLogs) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logs, name)
}

// errors returns why logs fail, and since when the first of them does.
func (s *brokenLogs) errors(now time.Time) (texts []string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.logs {
		if b.well(now) {
			continue
		}
		texts = append(texts, b.err)
		if since.IsZero() || b.since.Before(since) {
			since = b.since
		}
	}
	slices.Sort(texts)
	return texts, since
}
