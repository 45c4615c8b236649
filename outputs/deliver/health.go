package deliver

import (
	"sync"
	"time"
)

// Health tells for how long a destination has taken nothing although something was waiting for it.
// It sees a destination that hangs as well as one that answers with errors. Safe for concurrent
// use.
type Health struct {
	mu          sync.Mutex
	outstanding int
	blocked     int // outstanding, but waiting for the dead letter and not for the destination
	since       time.Time
	hasTaken    bool // something was taken since reset
}

func (h *Health) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since, h.hasTaken = time.Now(), false
}

func (h *Health) Add(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.outstanding == h.blocked {
		h.since = time.Now()
	}
	h.outstanding += n
}

// noteAnswer records that the destination took something, or refused it for good: an answer all the
// same.
func (h *Health) noteAnswer() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since, h.hasTaken = time.Now(), true
}

// NoteProgress records that the destination is at work on what it was given, though it has not
// taken it yet.
func (h *Health) NoteProgress() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Now()
}

func (h *Health) block(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocked += n
	h.since = time.Now()
}

// Taken reports whether the destination took anything since reset.
func (h *Health) Taken() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hasTaken
}

func (h *Health) Stalled() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.outstanding == h.blocked {
		return 0
	}
	return time.Since(h.since)
}
