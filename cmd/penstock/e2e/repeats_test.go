package e2e

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// repeats holds the lines that arrive more than once against what interrupted the way there. Safe for concurrent use.
type repeats struct {
	mu     sync.Mutex
	first  map[line]time.Time
	again  []repeat
	events []moment
}

// moment is a kill of the agent, or the broker going away or coming back.
type moment struct {
	at time.Time
	// Lines that are seen so long after the event may have been acknowledged before it.
	unread time.Duration
}

type line struct {
	source string
	seq    int64
}

// repeat is a line that came again, after it had first been seen.
type repeat struct {
	line
	first time.Time
}

func newRepeats() *repeats { return &repeats{first: map[line]time.Time{}} }

// interrupted is called immediately before the agent is killed or the broker goes.
func (r *repeats) interrupted() { r.add(0) }

// returned is called when the broker is back: what it acknowledged before is only seen now.
func (r *repeats) returned() { r.add(3 * time.Second) }

func (r *repeats) add(unread time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, moment{time.Now(), unread})
}

func (r *repeats) see(value []byte) {
	now := time.Now()
	f := gjson.GetManyBytes(value, "source", "seq")
	l := line{f[0].String(), f[1].Int()}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, seen := r.first[l]
	if !seen {
		r.first[l] = now
		return
	}
	r.first[l] = now
	r.again = append(r.again, repeat{l, at})
}

// check tells of lines that came again and had arrived too long before an interruption to have been unacknowledged or uncommitted by then, but for one
// object of the overflow each time: it may have been delivered and not deleted yet. worst is how long a sync to disk took at most; the
// allowances are wide, as the reader's clock is not the agent's and a busy machine delays either. It does not fail: that takes the broker's clock.
func (r *repeats) check(t *testing.T, worst time.Duration, object int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	before, after := time.Second+3*worst, time.Second+3*worst
	late := map[time.Time]int64{}
	example := map[time.Time]repeat{}
	for _, d := range r.again {
		var next time.Time
		excused := false
		for _, e := range r.events {
			switch ahead := e.at.Sub(d.first); {
			case ahead > 0 && ahead <= before, ahead <= 0 && -ahead <= after+e.unread:
				excused = true
			case ahead > 0 && next.IsZero():
				next = e.at
			}
		}
		if !excused {
			late[next]++
			example[next] = d
		}
	}
	for at, n := range late {
		switch d := example[at]; {
		case at.IsZero():
			t.Logf("%d lines were sent again although nothing was interrupted after they had arrived, such as %s %d", n, d.source, d.seq)
		case n > object:
			t.Logf("%d lines were sent again although they had long arrived, such as %s %d, %v before the next interruption", n, d.source, d.seq, at.Sub(d.first))
		}
	}
	t.Logf("%d lines came again over %d events; a sync took %v at most, the largest object held %d lines, and %d times lines came late", len(r.again), len(r.events), worst, object, len(late))
}

// slowest measures how long the disk and the scheduler make one wait, until stop returns the longest time seen.
func slowest(t *testing.T) (stop func() time.Duration) {
	f, err := os.Create(filepath.Join(t.TempDir(), "sync"))
	if err != nil {
		t.Fatal(err)
	}
	quit, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		defer f.Close()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		var worst time.Duration
		for {
			select {
			case at := <-tick.C:
				_, _ = f.WriteAt(make([]byte, 4096), 0)
				_ = f.Sync()
				worst = max(worst, time.Since(at))
			case <-quit:
				done <- worst
				return
			}
		}
	}()
	return sync.OnceValue(func() time.Duration { close(quit); return <-done })
}
