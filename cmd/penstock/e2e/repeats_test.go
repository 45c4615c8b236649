package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	events []time.Time // kills of the agent, and the broker going away
}

type line struct {
	source string
	seq    int64
}

// repeat is a line that came again. It was acknowledged at some time from written to first.
type repeat struct {
	line
	written, first time.Time
}

func newRepeats() *repeats { return &repeats{first: map[line]time.Time{}} }

// interrupted is called immediately before the agent is killed or the broker goes.
func (r *repeats) interrupted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, time.Now())
}

func (r *repeats) see(value []byte) {
	now := time.Now()
	f := gjson.GetManyBytes(value, "source", "seq", "ts")
	l := line{f[0].String(), f[1].Int()}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, seen := r.first[l]
	if !seen {
		r.first[l] = now
		return
	}
	r.first[l] = now
	r.again = append(r.again, repeat{l, f[2].Time(), at})
}

// check fails for lines that had arrived more than slack before the interruption that can have made them come again, but for one object of the
// overflow each time: it may have been delivered and not deleted yet.
func (r *repeats) check(t *testing.T, slack time.Duration, object int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	late := map[int]int64{}
	example := map[int]repeat{}
	for _, d := range r.again {
		next := slices.IndexFunc(r.events, func(e time.Time) bool { return e.After(d.written) })
		if next >= 0 && r.events[next].Sub(d.first) <= slack {
			continue // delivered and killed at about the same time
		}
		if late[next] == 0 {
			example[next] = d
		}
		late[next]++
	}
	for event, n := range late {
		if n > object || event < 0 {
			d, when := example[event], "nothing had been interrupted"
			if event >= 0 {
				when = fmt.Sprintf("interrupted %v later", r.events[event].Sub(d.first))
			}
			t.Errorf("%d lines were sent again although they had long arrived, such as %s %d: %s", n, d.source, d.seq, when)
		}
	}
	t.Logf("%d lines came again after %d interruptions, %v of them late; the slack is %v, and the largest object held %d lines", len(r.again), len(r.events), late, slack, object)
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
