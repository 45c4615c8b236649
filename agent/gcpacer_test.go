package agent

import (
	"runtime/debug"
	"testing"
	"time"
)

// Garbage is bounded by bytes while there is little of it, and by a share of the heap when it would
// be collected many times a second; in between collections are about a second apart.
func TestCollectionsFollowTheLoad(t *testing.T) {
	const live = 20 << 20
	// run lets a program make so many bytes a second for as long and returns the collections of
	// the last ten seconds and the largest heap in them.
	run := func(p *pacer, rate float64, d time.Duration) (collections int, heap float64) {
		for at := time.Duration(0); at < d; {
			garbage := live * float64(p.percent) / 100
			step := min(time.Duration(garbage/rate*1e9), 2*time.Minute)
			if at += step; at > d-10*time.Second {
				collections++
				heap = max(heap, live+garbage)
			}
			p.percent = p.next(step, int64(step.Seconds()*rate), live)
		}
		return collections, heap
	}
	p := &pacer{most: 100, percent: 100, garbage: leastGarbage}
	for _, c := range []struct {
		rate              float64 // bytes a second
		fewest, most      int     // collections in ten seconds
		smallest, largest float64 // heap in MiB
	}{
		{100e3, 0, 1, 0, 25},
		{5e6, 5, 13, 24, 27},
		{500e6, 200, 300, 39, 40}, // as with the percentage of full load
		{5e6, 2, 13, 24, 31},
		{100e3, 0, 1, 0, 25},
	} {
		n, heap := run(p, c.rate, 20*time.Minute)
		if heap /= 1 << 20; n < c.fewest || n > c.most || heap < c.smallest || heap > c.largest {
			t.Errorf("%.1f MB/s: %d collections in 10 s, %.1f MiB; want %d to %d, %.0f to %.0f",
				c.rate/1e6, n, heap, c.fewest, c.most, c.smallest, c.largest)
		}
	}
	// A burst is met within a few collections.
	steps := 0
	for took := time.Duration(0); p.percent < 95; steps++ {
		step := time.Duration(live * float64(p.percent) / 100 / 500e6 * 1e9)
		if took += step; took > 200*time.Millisecond {
			t.Fatalf("after %v and %d collections %d %%", took, steps, p.percent)
		}
		p.percent = p.next(step, int64(step.Seconds()*500e6), live)
	}
	// One that was asked for says nothing else than others.
	before := p.percent
	if got := p.next(time.Millisecond, 500e3, live); got != before {
		t.Errorf("after a collection that was asked for %d %%, before it %d %%", got, before)
	}
}

// What a start allocates is not taken for the load.
func TestStartIsNotTheLoad(t *testing.T) {
	p := &pacer{most: 200, percent: 50, garbage: leastGarbage}
	heap := int64(0)
	for i, ms := range []time.Duration{8, 10, 200} {
		live := int64(2+4*i) << 20
		p.percent = p.next(ms*time.Millisecond, 50<<20, live)
		heap = live * int64(100+p.percent) / 100
	}
	if heap > 24<<20 {
		t.Errorf("the heap may grow to %d MiB", heap>>20)
	}
}

// What is reckoned is what the collector is told, until the pacer is stopped.
func TestPacerSetsTheTarget(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	now := time.Now()
	p := &pacer{most: 50, percent: 50, garbage: leastGarbage, last: now}
	if !p.collected(now.Add(time.Minute), 100<<20, 4<<20) {
		t.Fatal("it does not go on")
	}
	if got := debug.SetGCPercent(100); got != p.percent || got >= 50 {
		t.Errorf("the collector's target is %d %%, reckoned %d %%", got, p.percent)
	}
	p.ended = true
	if p.collected(now.Add(2*time.Minute), 1<<20, 5<<20) || debug.SetGCPercent(100) != 100 {
		t.Error("a pacer that was stopped sets the target")
	}
}
