package buffer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// Under load the age of the oldest waiting record was that of its segment: the agent's uptime.
func TestOldestAgeIsThatOfTheRecordUnderLoad(t *testing.T) {
	t.Parallel()
	opt := small(t)
	opt.SegmentSize = 64 << 20
	dir := t.TempDir()
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 1, 20))
	b.mu.Lock() // the segment was begun an hour ago
	b.chain.segs[0].appended -= time.Hour.Milliseconds()
	b.recent.appended.marks[0].ms -= time.Hour.Milliseconds()
	b.mu.Unlock()
	n := 1
	for range 40 { // more than is kept in memory
		appendWait(t, b, batchOf(n, 100, 10_000))
		n += 100
	}
	b.mu.Lock()
	inMemory := b.recent.find(1) != nil
	b.mu.Unlock()
	if inMemory {
		t.Fatal("what waits is in memory, which is not what this is about")
	}
	wantRun(t, readTo(t, c, 1), 0, 1)
	commit(t, c, 1)
	if age := b.Stats().OldestAge; age > time.Minute {
		t.Errorf("%v, and the record has waited for moments, the segment an hour", age)
	}
	commit(t, c, int64(n))
	if age := b.Stats().OldestAge; age != 0 {
		t.Errorf("%v, and nothing waits", age)
	}
}

// After a restart it is known as soon as somebody has read there.
func TestOldestAgeAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 1, 20))
	appendWait(t, b, batchOf(1, 1, 20))
	commit(t, c, 1)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, small(t))
	b.mu.Lock() // the segment was begun an hour ago
	b.chain.segs[0].appended -= time.Hour.Milliseconds()
	b.mu.Unlock()
	c = cursor(t, b, "out")
	if err := c.SeekTo(1); err != nil {
		t.Fatal(err)
	}
	wantRun(t, numbers(t, next(t, c)), 1, 1)
	if age := b.Stats().OldestAge; age > time.Minute || age == 0 {
		t.Errorf("%v, and the record has waited for moments", age)
	}
}

// Whatever is noted, an age is right to the step, and the memory is bounded.
func TestAgesStayExactEnough(t *testing.T) {
	t.Parallel()
	seed := runtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	var a appendTimes
	times := map[int64]int64{}
	pos, ms, low := int64(0), int64(1_000_000), int64(0)
	for i := range 50_000 {
		pos += 1 + rng.Int64N(100)
		ms += rng.Int64N(10)
		times[pos] = ms
		a.add(pos, ms)
		if i == 25_000 {
			low = pos
			a.trim(low)
		}
	}
	if len(a.marks) > maxMarks {
		t.Fatalf("%d marks", len(a.marks))
	}
	for p, want := range times {
		if got := a.at(p); p >= low && (got > want || want-got > 3*a.step) {
			t.Fatalf("at %d: %d, want %d, with a step of %d", p, got, want, a.step)
		}
	}
	step := a.step
	a.trim(pos)
	if ms-a.at(pos) > 3*step || len(a.marks) > 1 {
		t.Errorf("%d marks left", len(a.marks))
	}
}

// How long records take through the buffer is measured for each output.
func TestTimeThroughTheBufferIsMeasured(t *testing.T) {
	t.Parallel()
	opt := small(t)
	reg := prometheus.NewRegistry()
	opt.Metrics = reg
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 20))
	b.mu.Lock() // a minute ago
	b.recent.appended.marks[0].ms -= time.Minute.Milliseconds()
	b.mu.Unlock()
	commit(t, c, 5)
	commit(t, c, 5)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "penstock_buffer_passed_seconds" {
			h := f.Metric[0].GetHistogram()
			if h.GetSampleCount() != 1 || h.GetSampleSum() < 60 || h.GetSampleSum() > 90 {
				t.Errorf("%v", h)
			}
			return
		}
	}
	t.Error("not measured")
}
