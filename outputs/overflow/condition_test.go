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
		if c.stalled(time.Second, never); !c.down || c.patience() != want {
			t.Fatalf("down %v, patience %v, want %v", c.down, c.patience(), want)
		}
		c.recovered()
	}
	if c.stalled(time.Second, once); c.patience() != time.Second {
		t.Errorf("patience %v after it has taken something", c.patience())
	}
}
