package overflow

import (
	"testing"
	"time"

	"github.com/penstock/penstock/outputs"
)

// What works on the log, and whether objects are replayed, by what is known.
func TestWhoWorksOnTheLog(t *testing.T) {
	oldest := outputs.Failover{After: time.Second, Recover: time.Second, AtFill: 0.8}
	newest := oldest
	newest.Order = "newest_first"
	for _, c := range []struct {
		name    string
		c       condition
		objects bool
		log     string
		replay  bool
	}{
		{"all is well", condition{cfg: &oldest}, false, StateDirect, false},
		{"objects wait", condition{cfg: &oldest}, true, "", true},
		{"objects wait, the newest go first", condition{cfg: &newest}, true, StateDirect, true},
		{"down", condition{cfg: &oldest, down: true}, true, StateOverflow, false},
		{"down, with a standby", condition{cfg: &oldest, down: true, standby: true}, false, StateStandby, false},
		{"the buffer fills up", condition{cfg: &oldest, filling: true}, true, StateOverflow, true},
		{"the log has ended", condition{cfg: &oldest, ended: true, filling: true}, true, "", true},
	} {
		if log, replay := c.c.desired(c.objects); log != c.log || replay != c.replay {
			t.Errorf("%s: %q works on the log, replay %v", c.name, log, replay)
		}
	}
}

// A destination that takes something between two outages is trusted again as soon as at first.
func TestPatienceGrowsWithTrialsThatFail(t *testing.T) {
	cfg := outputs.Failover{After: time.Second, Recover: time.Second}
	c := condition{cfg: &cfg}
	never, once := func() bool { return false }, func() bool { return true }
	for want := time.Second; want <= 8*time.Second; want *= 2 {
		if c.stalled(time.Second, never); !c.down || c.recoverWait() != want {
			t.Fatalf("down %v, patience %v, want %v", c.down, c.recoverWait(), want)
		}
		c.recovered()
	}
	if c.stalled(time.Second, once); c.recoverWait() != time.Second {
		t.Errorf("patience %v after it has taken something", c.recoverWait())
	}
}

// Agents that lose a destination in the same moment turn away, and come back, at times of their
// own, none of them sooner than it was told to.
func TestAgentsFailOverAndReturnAtTimesOfTheirOwn(t *testing.T) {
	cfg := outputs.Failover{After: 5 * time.Second, Recover: 30 * time.Second}
	spread := map[float64]bool{}
	for range 100 {
		c := newCondition(&cfg, false)
		if c.spread < 0 || c.spread >= 1 {
			t.Fatal(c.spread)
		}
		spread[c.spread] = true
	}
	if len(spread) < 90 {
		t.Errorf("a hundred have %d times", len(spread))
	}
	never := func() bool { return false }
	for _, share := range []float64{0, 0.5, 0.99} {
		c := condition{cfg: &cfg, spread: share}
		after := 5*time.Second + time.Duration(share*float64(500*time.Millisecond))
		if c.stalled(after-time.Millisecond, never); c.down {
			t.Errorf("%v: down before %v", share, after)
		}
		if c.stalled(after, never); !c.down {
			t.Errorf("%v: not down after %v", share, after)
		}
		if want := 30*time.Second + time.Duration(share*float64(15*time.Second)); c.recoverWait() != want {
			t.Errorf("%v: patience %v, want %v", share, c.recoverWait(), want)
		}
	}
}
