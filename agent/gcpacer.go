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
	// collectEvery is about the time from one collection to the next, under any load that a share
	// of the heap lasts for.
	collectEvery = time.Second
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
	total   int64 // bytes that were ever allocated, at the last collection
	ended   bool
}

// start makes the collector's target follow the load until stop is called. Where GOGC is set
// nothing is done.
func (p *pacer) start() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p.garbage, p.last = leastGarbage, time.Now()
	_, p.total = heapSizes()
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
		live, total := heapSizes()
		if p.collected(time.Now(), live, total) {
			p.watch()
		}
	}, p)
}

// collected sets the target for the next collection. It reports whether there is to be one.
func (p *pacer) collected(now time.Time, live, total int64) (goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	if percent := p.next(now.Sub(p.last), total-p.total, live); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	p.last, p.total = now, total
	return true
}

// next returns the percentage after a collection that came since the one before it, when so many
// bytes had been allocated meanwhile and live ones were left. Not each of them comes when the heap
// has grown to the target: some are asked for.
func (p *pacer) next(since time.Duration, allocated, live int64) int {
	rate := float64(allocated) / max(since, time.Millisecond).Seconds()
	most := float64(live) * float64(p.most) / 100
	// A burst, such as the start, is not taken for the load at once.
	p.garbage = min(rate*collectEvery.Seconds(), p.garbage*3/2, most)
	p.garbage = max(p.garbage, leastGarbage)
	percent := p.garbage * 100 / float64(max(live, 1))
	// Small steps are not worth a stop of the world.
	if was := float64(p.percent); math.Abs(percent-was) < was/8 {
		percent = was
	}
	return int(max(min(percent, float64(p.most)), 5))
}

// heapSizes returns the bytes that the last collection has left, and those ever allocated.
func heapSizes() (live, total int64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64())
}
