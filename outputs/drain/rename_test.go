package drain_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
)

// An agent that is renamed during an outage, twice, and whose prefix changes, replays what it moved
// under its earlier name, in order, with what it moves meanwhile; then it uses the new name.
func TestRenamedDuringAnOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		r.stop()
		before := len(r.waiting())
		if before < 5 {
			t.Fatalf("%d objects wait", before)
		}
		r.agent = "web-2"
		r.start()
		r.feed(2 * time.Minute)
		if now := len(r.waiting()); now <= before || len(r.store.Keys("overflow/web-2/")) > 0 {
			t.Fatalf(
				"%d objects were under the old name, now %d; under the new: %q", before, now,
				r.store.Keys("overflow/web-2/"),
			)
		}
		if !strings.Contains(r.f.logs.String(), "was renamed while records wait") ||
			!strings.Contains(r.f.logs.String(), base) {
			t.Errorf("no word of it:\n%s", r.f.logs)
		}
		r.stop()
		r.agent, r.c.Failover.Prefix = "web-3", "spill"
		r.start()
		r.dest.SetDown(false)
		r.feed(3 * time.Minute)
		if r.state() != overflow.StateDirect || len(r.store.Keys("")) > 0 {
			t.Fatalf("state %s, left: %q\n%s", r.state(), r.store.Keys(""), r.f.logs)
		}
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		if keys := r.store.Keys(
			"spill/web-3/output.test.a/",
		); len(keys) < 5 ||
			len(r.store.Keys("")) != len(keys) {
			t.Fatalf("what is moved afterwards is in %q", r.store.Keys(""))
		}
		r.dest.SetDown(false)
		r.feed(3 * time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// An output whose failover block is gone, or names another store, says where its overflow is and
// how to bring it back.
func TestOverflowThatIsNotLookedAtAnyMoreIsTold(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"no failover":   func(r *rig) { r.c.Failover = nil },
		"another store": func(r *rig) { r.c.Failover.To = "output.gcs.other" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, false)
				lostHost(t, r)
				change(r)
				f := newFixture(t, "output.test.a")
				targets := drain.Targets{DeadLetter: r.dead}
				if r.c.Failover != nil {
					targets.Overflow = newRig(t, false).store
				}
				d, err := drain.NewOutput(r.dest.Writer(), r.c, f.env, targets)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- d.Drain(t.Context(), r.log.Owner()) }()
				synctest.Wait()
				where := d.Status().Logs[0].Stranded
				if !strings.HasPrefix(where, base) ||
					!strings.HasSuffix(where, " of output.s3.overflow") {
					t.Errorf("the status has it in %q", where)
				}
				r.log.Seal()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				d.Close()
				for _, want := range []string{"level=ERROR", `where="` + base, " of output.s3.overflow", "penstock replay --from"} {
					if !strings.Contains(f.logs.String(), want) {
						t.Errorf("no word of %q:\n%s", want, f.logs)
					}
				}
			})
		})
	}
}

// Of more places than a note remembers, the one that is forgotten is told once more, as that.
func TestAPlaceThatIsForgottenIsTold(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		note := `overflow:{"objects":true,"base":"a/","to":"output.s3.5","left":[`
		for i := range 4 {
			note += fmt.Sprintf(`{"base":"a/","to":"output.s3.%d"},`, i+1)
		}
		note = strings.TrimSuffix(note, ",") + "]}"
		if err := r.log.Owner().Commit(t.Context(), 0, note); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.feed(5 * time.Second)
		told := r.f.logs.Lines("is not told again")
		if len(told) != 1 || !strings.Contains(told[0], `where="a/ of output.s3.1"`) {
			t.Errorf("told is %q", told)
		}
		_, note = r.log.Committed()
		want := "a/ of output.s3.2 and in a/ of output.s3.3 and in a/ of output.s3.4 and in a/ of output.s3.5"
		if got := overflow.LeftBehind(note); got != want {
			t.Errorf("left are %q", got)
		}
		r.stop()
	})
}

// Where records were left when failover.to came to name another store is told after each further
// start, whatever goes through that store meanwhile, and until the first one is named again: then
// they are brought back.
func TestAStoreThatWasLeftIsToldUntilItIsNamedAgain(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.agent = "web-1"
		lostHost(t, r)
		first, to := r.store, r.c.Failover.To
		left := len(first.Keys(""))
		r.store, r.c.Failover.To = newRig(t, async).store, "output.gcs.other"
		told := func(when, want string) {
			t.Helper()
			got := r.d.Status().Logs[0].Stranded
			_, note := r.log.Committed()
			if behind := overflow.LeftBehind(note); got != want || behind != want {
				t.Errorf("%s it is told of %q, with the output gone of %q, want %q", when, got, behind, want)
			}
		}
		there := strings.TrimSuffix(base, "/") + "/ of output.s3.overflow"
		for range 3 {
			r.start()
			r.feed(5 * time.Second)
			told("after a start", there)
			r.stop()
		}
		r.agent = "web-2" // another base in another store
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		if got := r.d.Status().Logs[0].Stranded; got != there || len(r.store.Keys("")) == 0 {
			t.Errorf("while records are in the second store it is told of %q", got)
		}
		r.dest.SetDown(false)
		r.feed(3 * time.Minute)
		told("after another outage", there)
		if keys := r.store.Keys(""); len(keys) > 0 || len(first.Keys("")) != left {
			t.Errorf("left in the second store: %q, in the first %d of %d", keys, len(first.Keys("")), left)
		}
		r.stop()
		r.store, r.c.Failover.To = first, to
		r.start()
		r.feed(3 * time.Minute)
		told("once it is named again", "")
		r.finish()
		r.check(false)
	})
}
