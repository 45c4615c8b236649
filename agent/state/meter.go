package state

import (
	"math"
	"sync"
	"time"
)

// Meter is the rate of something over the last half minute or so. It needs no clock of its own:
// what happens moves it. The zero Meter is ready, and it is safe for concurrent use.
type Meter struct {
	mu    sync.Mutex
	begun time.Time
	last  time.Time
	sum   float64 // of what happened, each faded by its age
}

// fade is the age at which what happened counts 1/e.
const fade = 20 * time.Second

// Add tells that n happened.
func (m *Meter) Add(n float64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun.IsZero() {
		m.begun, m.last = now, now
	}
	m.fadeTo(now)
	m.sum += n
}

func (m *Meter) fadeTo(now time.Time) {
	if age := now.Sub(m.last); age > 0 {
		m.sum *= math.Exp(-age.Seconds() / fade.Seconds())
		m.last = now
	}
}

// Rate returns how much happens in a second.
func (m *Meter) Rate(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun.IsZero() {
		return 0
	}
	m.fadeTo(now)
	// What there was before the beginning is not known, rather than nothing.
	since := max(now.Sub(m.begun), time.Second).Seconds()
	seen := fade.Seconds() * (1 - math.Exp(-since/fade.Seconds()))
	if rate := m.sum / seen; rate > 1e-3 {
		return rate
	}
	return 0
}
