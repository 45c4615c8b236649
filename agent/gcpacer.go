package agent

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// leastGarbage is how much garbage there may be before it is collected, while the load is
	// small.
	leastGarbage = 4 << 20
	// busyWithin and calmAfter are between which the time from one collection to the next is kept
	// by changing that.
	busyWithin = time.Second
	calmAfter  = 4 * time.Second
)

// pacer makes the collector's target follow the load. Go collects when the heap has grown by a
// share of itself, twenty times a second or twice a minute. This lets it grow by little as long as
// collections are rare, and by that share, as ever, once they would not be. It runs after each
// collection and has no timer.
type pacer struct {
	mu      sync.Mutex
	most    int     // percent: what is set under load
	garbage float64 // bytes that there may be
	percent int     // what is set
	last    time.Time
	ended   bool
}

// start makes the collector's target follow the load until stop is called. Where GOGC is set
// nothing is done.
func (p *pacer) start() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p.garbage, p.last = leastGarbage, time.Now()
	p.watch()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		debug.SetGCPercent(p.most)
	}
}

// setMost says what is set under load.
func (p *pacer) setMost(percent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = percent
}

// watch has collected called after each collection.
func (p *pacer) watch() {
	// An object that nobody has; it is too large to share its memory with others.
	runtime.AddCleanup(new([64]byte), func(p *pacer) {
		if p.collected(time.Now(), liveHeap()) {
			p.watch()
		}
	}, p)
}

// collected sets the target for the next collection. It reports whether there is to be one.
func (p *pacer) collected(now time.Time, live int64) (goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	if percent := p.next(now.Sub(p.last), live); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	p.last = now
	return true
}

// next returns the percentage after a collection that came since the one before it, when live
// bytes were left.
func (p *pacer) next(since time.Duration, live int64) int {
	switch most := float64(live) * float64(p.most) / 100; {
	case since < busyWithin:
		// At once as much as would have lasted.
		p.garbage *= min(4, float64(busyWithin)/float64(max(since, time.Millisecond)))
		p.garbage = max(min(p.garbage, most), leastGarbage)
	case since > calmAfter:
		p.garbage = max(p.garbage/2, leastGarbage)
	}
	percent := p.garbage * 100 / float64(max(live, 1))
	// Small steps are not worth a stop of the world.
	if was := float64(p.percent); math.Abs(percent-was) < was/8 {
		percent = was
	}
	return int(max(min(percent, float64(p.most)), 5))
}

func liveHeap() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
