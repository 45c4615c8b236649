package tail

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/ratelimit"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// sharedClock is a clock that goes on when it is told to.
type sharedClock struct{ nanos atomic.Int64 }

func newSharedClock() *sharedClock {
	c := &sharedClock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *sharedClock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *sharedClock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func kibLines(name string, n int) (text string, lines []string) {
	for i := range n {
		line := fmt.Sprintf("%s %03d %s", name, i, strings.Repeat("x", 1000))
		lines = append(lines, line)
		text += line + "\n"
	}
	return text, lines
}

// counted returns how often files began to wait for a limit of that name.
func (r *rig) counted(limit string) float64 {
	return testutil.ToFloat64(r.tail.counts.rateLimited.WithLabelValues(limit))
}

// A limited file is read more slowly, and whole: also what was rotated and deleted meanwhile.
func TestLimitedFileWaitsAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit ratelimit.Config
		first int // lines that are read while no time passes
	}{
		// At least 4 KiB are read at a time, which is four whole lines of these.
		{ratelimit.Config{Lines: 10}, 12},
		{ratelimit.Config{Bytes: 8 << 10}, 12},
	} {
		clock := newSharedClock()
		r := newRig(t, func(cfg *Config) { cfg.RateLimit = &c.limit })
		r.prepare = func(tl *Tail) { tl.sys.clock = clock.now }
		old, lines := kibLines("old", 60)
		r.write("a.log", old)
		r.start()
		r.eventually("it waits", func() bool { return r.counted("file") == 1 })
		r.eventually("its first lines", func() bool { return len(r.sink.Values()) >= c.first })
		r.wantsNoMore(50*time.Millisecond, lines[:c.first]...)
		r.rename("a.log", "a.log.1")
		young, more := kibLines("young", 20)
		r.write("a.log", young)
		r.eventually("the rotation is seen", func() bool {
			return testutil.ToFloat64(r.tail.counts.rotated) == 1 || len(r.tail.Status()) == 2
		})
		r.remove("a.log.1")
		lines = append(lines, more...)
		r.eventually("all of it", func() bool {
			clock.advance(time.Second / 10)
			return len(r.sink.Values()) >= len(lines)
		})
		r.wants(lines...)
		r.wantsOneSource("a.log")
		r.halt()
	}
}

// Files under one limit take turns: who has waited longest is woken first.
func TestNoFileStarvesUnderALimit(t *testing.T) {
	r := newRig(t, nil)
	tl, err := New(r.cfg, inputstest.Env("input.tail.app", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(tl.newRun(r.sink, func(error) {}))
	now := time.Unix(1_800_000_000, 0)
	for i, waited := range []time.Duration{1, 3, 2, 9} {
		f := &file{key: fmt.Sprint(i)}
		f.m.started, f.m.evidence.seq = true, i
		until := now
		if i == 3 {
			until = now.Add(1) // not yet
		}
		m.swept.limited[f] = waitingFile{f, now.Add(-waited * time.Second), until}
	}
	m.sweepWaiting(now)
	if len(m.swept.limited) != 1 {
		t.Errorf("%d files still wait", len(m.swept.limited))
	}
	m.queue.wake(&file{key: "end"}, cmdRead)
	got := ""
	for {
		next, _ := m.queue.next()
		if next.f.key == "end" {
			break
		}
		got += next.f.key
	}
	if got != "120" {
		t.Errorf("woken in the order %s, want 120", got)
	}
}
