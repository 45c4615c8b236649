package drain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
)

// rig is one agent's output with an overflow store.
type rig struct {
	t     testing.TB
	f     *fixture
	c     outputs.Common
	dest  *outputtest.Dest
	log   *outputtest.MemLog
	store *outputtest.MemStore
	dead  *memDead
	g     *gen
	async bool
	blind bool   // the destination cannot be probed
	agent string // the agent's name, if not that of the fixture

	cancel context.CancelFunc
	errc   chan error
	d      *drain.Drainer
}

func newRig(t testing.TB, async bool) *rig {
	c := quick()
	c.Failover = &outputs.Failover{}
	c.Failover.SetDefaults()
	c.Failover.To = "output.s3.overflow"
	// a few batches: the limit of 16 times that before compression is what counts here
	c.Failover.ObjectSize = 200
	return &rig{
		t:     t,
		f:     newFixture(t, "output.test.a"),
		c:     c,
		dest:  outputtest.NewDest(),
		log:   outputtest.NewMemLog("output.test.a"),
		store: outputtest.NewMemStore(),
		dead:  &memDead{},
		g:     newGen(runtest.Rand(t)),
		async: async,
	}
}

func (r *rig) start() {
	r.t.Helper()
	r.f = newFixture(r.t, "output.test.a")
	if r.agent != "" {
		r.f.env.Agent = r.agent
	}
	targets := drain.Targets{DeadLetter: r.dead, Overflow: r.store}
	var err error
	switch {
	case r.blind:
		r.d, err = drain.NewOutput(r.dest.BlindWriter(), r.c, r.f.env, targets)
	case r.async:
		r.d, err = drain.NewAsyncOutput(r.dest.AsyncWriter(64), r.c, r.f.env, targets)
	default:
		r.d, err = drain.NewOutput(r.dest.Writer(), r.c, r.f.env, targets)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.t.Context())
	r.errc = make(chan error, 1)
	owner, d := r.log.Owner(), r.d
	go func() { r.errc <- d.Drain(ctx, owner) }()
}

// stop ends the run as SIGTERM does.
func (r *rig) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.errc; err != nil && !errors.Is(err, context.Canceled) {
		r.t.Fatal(err)
	}
	r.d.Close()
}

// finish seals the log and waits for the end.
func (r *rig) finish() {
	r.t.Helper()
	r.log.Seal()
	select {
	case err := <-r.errc:
		if err != nil {
			r.t.Fatal(err)
		}
	case <-time.After(time.Hour):
		r.t.Fatalf("stuck: %+v\n%s", r.d.Status(), r.f.logs)
	}
	r.d.Close()
	r.cancel()
}

const base = "overflow/web-1/output.test.a/"

func (r *rig) waiting() []string {
	var keys []string
	for _, k := range r.store.Keys(base) {
		if !strings.Contains(k[len(base):], "/") {
			keys = append(keys, k)
		}
	}
	return keys
}

func (r *rig) state() string {
	r.t.Helper()
	s := r.d.Status()
	if len(s.Logs) != 1 {
		r.t.Fatalf("%d logs", len(s.Logs))
	}
	return s.Logs[0].State
}

// feed appends for the given time, a batch every 100 ms.
func (r *rig) feed(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r.g.fill(r.log, 1, 5, 5)
	}
}

func (r *rig) check(ordered bool) int {
	r.t.Helper()
	n := checkDelivered(r.t, r.g.sent, r.dest.Received(), r.dead.all(), ordered)
	if keys := r.store.Keys(""); len(keys) != 0 {
		r.t.Fatalf("left in the store: %v", keys)
	}
	if pos, note := r.log.Committed(); pos != r.log.End() || note != "" {
		r.t.Fatalf("committed %d %q, the log ends at %d", pos, note, r.log.End())
	}
	return n
}

// An outage longer than after, and what follows: overflow, recovery, replay in order, back to
// normal.
func TestFailoverRoundTrip(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.feed(5 * time.Second)
		if r.state() != overflow.StateDirect {
			t.Fatalf("state %s", r.state())
		}
		r.dest.SetDown(true)
		r.feed(25 * time.Second)
		if n := len(r.store.Keys("")); n != 0 {
			t.Fatalf("%d objects before the time", n)
		}
		r.feed(60 * time.Second)
		if r.state() != overflow.StateOverflow || len(r.waiting()) < 5 {
			t.Fatalf("state %s, objects %v", r.state(), r.waiting())
		}
		if pos, _ := r.log.Committed(); r.log.End()-pos > 200 {
			t.Fatalf("the log still holds %d records", r.log.End()-pos)
		}
		if got := int(r.f.metric(t, "penstock_overflow_objects")); got != len(r.waiting()) {
			t.Fatalf("metric says %d objects, %d wait", got, len(r.waiting()))
		}
		if got := r.f.metric(
			t, "penstock_overflow_oldest_timestamp_seconds",
		); got != 1_700_000_000 {
			t.Fatalf("metric says that the oldest record is of %f", got)
		}
		l := r.d.Status().Logs[0]
		if !l.Answers.IsZero() || l.Collects != r.c.Failover.ObjectAge {
			t.Errorf("while it is down: %+v", l)
		}
		failing := func(when string, want bool) {
			t.Helper()
			is := r.f.metric(t, "penstock_output_failing") == 1
			if s := r.d.Status(); is != want || s.Failing != want || s.FailingSince.IsZero() == want {
				t.Errorf("%s it fails: %v, by the metric %v", when, s.Failing, is)
			}
		}
		failing("while it is down", true)
		count := r.dest.Count()
		back := time.Now()
		r.dest.SetDown(false)
		r.feed(25 * time.Second)
		if r.dest.Count() != count {
			t.Fatal("used again before it was healthy for recover")
		}
		l = r.d.Status().Logs[0]
		if late, wait := l.Answers.Sub(back), l.Trial.Sub(l.Answers); late < 0 ||
			late > 3*time.Second || wait < r.c.Failover.Recover {
			t.Errorf("it answers %v after it does, and is tried after %v", late, wait)
		}
		failing("while it is back, and only probed,", false)
		r.feed(60 * time.Second)
		if r.state() != overflow.StateDirect || len(r.store.Keys("")) != 0 {
			t.Fatalf("state %s, keys %v", r.state(), r.store.Keys(""))
		}
		if l = r.d.Status().Logs[0]; !l.Answers.IsZero() || l.Collects != 0 {
			t.Errorf("afterwards: %+v", l)
		}
		r.finish()
		if n := r.check(true); n > 0 {
			t.Fatalf("%d repeats", n)
		}
		if r.f.metric(t, "penstock_overflow_objects") != 0 ||
			r.f.metric(t, "penstock_overflow_bytes") != 0 ||
			r.f.metric(t, "penstock_overflow_oldest_timestamp_seconds") != 0 {
			t.Fatal("metrics say that objects wait")
		}
		for _, want := range []string{"records go to the overflow", "replaying the overflow", "back to normal"} {
			if n := strings.Count(r.f.logs.String(), want); n != 1 {
				t.Errorf("%q logged %d times:\n%s", want, n, r.f.logs)
			}
		}
		if !regexp.MustCompile(`waiting in the overflow".* state=overflow objects=[1-9]\d* bytes=[1-9]\d* oldest=2023-11-14T22:13:20Z`).
			MatchString(r.f.logs.String()) {
			t.Errorf("the log does not say what waits:\n%s", r.f.logs)
		}
	})
}

// A destination that is down again before it was tried is told as failing again, since when it
// began to.
func TestADestinationThatIsDownAgainIsToldAsFailing(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.feed(5 * time.Second)
		r.dest.SetDown(true)
		r.feed(60 * time.Second)
		since := r.d.Status().FailingSince
		r.dest.SetDown(false)
		r.feed(10 * time.Second)
		if s := r.d.Status(); s.Failing || s.Logs[0].State != overflow.StateOverflow {
			t.Errorf("probed, it fails: %v, %s", s.Failing, s.Logs[0].State)
		}
		r.dest.SetDown(true)
		r.feed(10 * time.Second)
		if s := r.d.Status(); since.IsZero() || !s.FailingSince.Equal(since) {
			t.Errorf("down again, it fails since %v, before it did since %v", s.FailingSince, since)
		}
		r.dest.SetDown(false)
		r.feed(90 * time.Second)
		if s := r.d.Status(); s.Failing || s.Logs[0].State != overflow.StateDirect {
			t.Errorf("in the end it fails: %v, %s", s.Failing, s.Logs[0].State)
		}
		r.finish()
	})
}

// What a probe ends with is told: it may be another reason than that of the outage, and the output
// never comes back for it.
func TestWhatAProbeFailsWithIsTold(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.dest.SetDown(true)
		r.feed(60 * time.Second)
		r.dest.SetDown(false)
		r.dest.SetProbe(errors.New("the key may not"))
		r.feed(60 * time.Second)
		if s := r.d.Status(); !s.Failing || !strings.Contains(s.LastError, "the key may not") ||
			s.Logs[0].State != overflow.StateOverflow {
			t.Errorf("%v %q %s", s.Failing, s.LastError, s.Logs[0].State)
		}
		r.dest.SetProbe(nil)
		r.feed(90 * time.Second)
		if s := r.d.Status(); s.Failing || s.Logs[0].State != overflow.StateDirect {
			t.Errorf("in the end it fails: %v, %s", s.Failing, s.Logs[0].State)
		}
		r.finish()
	})
}

// A destination that hangs instead of failing is as dead: otel-contrib#50234, fluent-bit#3766.
func TestOtelContrib50234_FailoverOnHungDestination(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.feed(time.Second)
		r.dest.SetHung(true)
		r.feed(2 * time.Minute)
		if r.state() != overflow.StateOverflow || len(r.waiting()) == 0 {
			t.Fatalf("state %s", r.state())
		}
		r.dest.SetHung(false)
		r.feed(2 * time.Minute)
		r.finish()
		r.check(true)
	})
}

// A destination that cannot be probed is tried with the next records.
func TestFailoverWithoutProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.blind = true
		r.start()
		r.dest.SetDown(true)
		r.feed(10 * time.Minute)
		if len(r.waiting()) == 0 {
			t.Fatal("nothing in the overflow")
		}
		r.dest.SetDown(false)
		r.feed(10 * time.Minute)
		if r.state() != overflow.StateDirect {
			t.Fatalf("state %s", r.state())
		}
		r.finish()
		r.check(true)
	})
}

// An object that is stored, but not yet committed, when a replay lists the store for the last time
// waits all the same, even if it is committed before that replay has ended.
func TestMoveCommittedAfterTheLastListing(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.ObjectAge = time.Second
		var isHeld, wasReleased atomic.Bool
		var at atomic.Int64
		r.log.SetCommitFault(func(pos int64, _ string) outputtest.CommitFault {
			if isHeld.Load() && pos > at.Load() {
				return outputtest.CommitFails
			}
			return outputtest.CommitWorks
		})
		r.store.SetDelay(func(op, key string) time.Duration {
			isReleasing := op == "delete" && strings.Contains(key, "/lease/")
			if !isReleasing || !isHeld.Load() || len(r.waiting()) == 0 {
				return 0
			}
			isHeld.Store(false)
			wasReleased.Store(true)
			return 4 * time.Second // the lease is given back, and the move committed meanwhile
		})
		r.start()
		r.log.SetFill(0.9)
		r.feed(5 * time.Second)
		time.Sleep(time.Minute) // all is moved and replayed, and as long as it fills looked for again
		pos, _ := r.log.Committed()
		at.Store(pos)
		isHeld.Store(true)
		r.g.fill(r.log, 1, 5, 5)
		for end := time.Now().Add(time.Minute); !wasReleased.Load(); {
			if time.Now().After(end) {
				isHeld.Store(false)
				r.stop()
				t.Fatalf("no replay has ended; in the store: %v\n%s", r.waiting(), r.f.logs)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		r.log.SetFill(0)
		r.feed(time.Minute)
		r.finish()
		r.check(true)
	})
}

// What a host left in the store before it lost its disk is found once the store can be asked for
// it. What is new does not wait for that.
func TestStoreThatCannotBeListedAtFirst(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		lostHost(t, r)
		pos, _ := r.log.Committed()
		if err := r.log.Owner().Commit(t.Context(), pos, ""); err != nil {
			t.Fatal(err)
		}
		r.store.SetFault(func(op, _ string) outputtest.StoreFault {
			if op == "list" {
				return outputtest.StoreFails
			}
			return outputtest.StoreWorks
		})
		r.start()
		r.feed(time.Minute)
		if len(r.dest.Received()) == 0 {
			t.Error("nothing is delivered before the store answers")
		}
		r.store.SetFault(nil)
		time.Sleep(3 * time.Minute)
		r.finish()
		if n := r.check(false); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// A destination that flaps faster than after and recover moves nothing to and fro:
// otel-contrib#36587, #32094.
func TestOtelContrib36587_FlappingMovesNothing(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		for range 20 {
			r.dest.SetDown(true)
			r.feed(20 * time.Second)
			r.dest.SetDown(false)
			r.feed(5 * time.Second)
		}
		if n := r.f.metric(t, "penstock_failover_switches_total"); n != 0 {
			t.Fatalf("%v switches", n)
		}
		// Down for long, and then never healthy for as long as recover: it stays in the overflow.
		r.dest.SetDown(true)
		r.feed(40 * time.Second)
		for range 10 {
			r.dest.SetDown(false)
			r.feed(15 * time.Second)
			r.dest.SetDown(true)
			r.feed(5 * time.Second)
		}
		if n := r.f.metric(t, "penstock_failover_switches_total"); n != 1 ||
			r.state() != overflow.StateOverflow {
			t.Fatalf("%v switches, state %s", n, r.state())
		}
		r.dest.SetDown(false)
		r.feed(time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// A new outage in the middle of the replay goes back to the overflow, and what was delivered of an
// object is not repeated.
func TestOutageDuringReplay(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.ObjectSize = 2000
		r.c.Window.Batches = 2
		r.start()
		r.dest.SetDown(true)
		r.feed(3 * time.Minute)
		r.dest.SetLatency(func() time.Duration { return 500 * time.Millisecond })
		for range 3 {
			r.dest.SetDown(false)
			r.feed(55 * time.Second)
			if r.state() != overflow.StateReplay {
				t.Fatalf("state %s", r.state())
			}
			r.dest.SetDown(true)
			r.feed(time.Minute)
			if r.state() != overflow.StateOverflow {
				t.Fatalf("state %s", r.state())
			}
		}
		r.dest.SetDown(false)
		r.dest.SetLatency(nil)
		r.feed(2 * time.Minute)
		r.finish()
		if n := r.check(true); n > 3*2*5 { // what the window held when each outage began
			t.Fatalf("%d repeats", n)
		}
	})
}

// The store is down too: everything stays on disk, and goes out directly once the destination is
// back, store or no store.
func TestStoreDownDuringOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.store.SetFault(
			func(op, key string) outputtest.StoreFault { return outputtest.StoreFails },
		)
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		if pos, _ := r.log.Committed(); pos != 0 {
			t.Fatalf("committed %d, nothing has it", pos)
		}
		if why := r.d.Status().Logs[0].StoreError; strings.Count(why, base) != 1 {
			t.Errorf("the object is not named once: %s", why)
		}
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		if r.dest.Count() < len(r.g.sent)*9/10 {
			t.Fatalf(
				"%d of %d delivered: a dead store holds up a healthy destination", r.dest.Count(),
				len(r.g.sent),
			)
		}
		r.store.SetFault(nil)
		r.feed(2 * time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// The same, but the store applies what it says it failed: the object of a cut that was given up
// must not be replayed.
func TestGivenUpCutIsNotReplayed(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		time.Sleep(time.Second)
		r.store.SetFault(func(op, key string) outputtest.StoreFault {
			if op == "put" {
				return outputtest.StoreTimeout
			}
			return outputtest.StoreFails
		})
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		if len(r.waiting()) != 1 {
			t.Fatalf("objects: %v", r.waiting())
		}
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		r.stop()
		r.start()
		r.feed(time.Minute)
		r.store.SetFault(nil)
		r.feed(time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// Puts that time out although they were applied, lists and reads that fail: nothing is lost or
// doubled.
func TestUnreliableStore(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		rng := r.g.rng
		n := 0
		r.store.SetFault(func(op, key string) outputtest.StoreFault {
			if n++; n%3 == 0 { // not the generator's rng: it belongs to another goroutine
				return outputtest.StoreFault(1 + n/3%3)
			}
			return outputtest.StoreWorks
		})
		_ = rng
		r.start()
		r.dest.SetDown(true)
		r.feed(3 * time.Minute)
		r.dest.SetDown(false)
		r.feed(3 * time.Minute)
		r.store.SetFault(nil)
		r.feed(time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// A buffer that fills up while the destination works moves its oldest part, and order still holds.
func TestOverflowByFill(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.dest.SetLatency(func() time.Duration { return 2 * time.Second })
		r.c.Window.Batches = 4
		r.start()
		r.feed(20 * time.Second)
		r.log.SetFill(0.85)
		r.feed(20 * time.Second)
		if len(r.waiting()) == 0 || r.state() != overflow.StateOverflow {
			t.Fatalf("nothing moved, state %s", r.state())
		}
		r.log.SetFill(0.3)
		r.feed(20 * time.Second)
		if r.state() != overflow.StateReplay {
			t.Fatalf("state %s", r.state())
		}
		r.dest.SetLatency(nil)
		r.feed(time.Minute)
		if r.state() != overflow.StateDirect {
			t.Fatalf("state %s", r.state())
		}
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// A buffer that fills up before the outage is old enough does not wait for a destination that
// answers nothing.
func TestOverflowByFillDuringOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		for name, after := range map[string]time.Duration{"down soon": 2 * time.Second, "down late": time.Minute} {
			r := newRig(t, async)
			r.c.Failover.After = after
			r.start()
			r.feed(time.Second)
			r.dest.SetDown(true)
			r.feed(time.Second)
			r.log.SetFill(0.85)
			r.feed(min(after, 5*time.Second) + 2*time.Second)
			if r.state() != overflow.StateOverflow {
				t.Fatalf("%s: state %s", name, r.state())
			}
			r.log.SetFill(0.3)
			r.dest.SetDown(false)
			r.feed(5 * time.Minute)
			r.finish()
			r.check(true)
		}
	})
}

func TestNewestFirst(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.Order = "newest_first"
		r.c.Window.Batches = 2
		r.start()
		r.dest.SetDown(true)
		r.feed(10 * time.Minute)
		old := len(r.g.sent)
		r.dest.SetLatency(func() time.Duration { return 20 * time.Millisecond })
		r.dest.SetDown(false)
		r.feed(55 * time.Second) // recover, and the half that an agent may take longer
		r.dest.SetLatency(func() time.Duration { return 100 * time.Millisecond })
		time.Sleep(time.Second)
		fresh := r.g.batch(1, 1)
		r.log.Append(fresh)
		want := r.g.sent[len(r.g.sent)-1]
		time.Sleep(5 * time.Second)
		delivered := false
		for _, got := range r.dest.Received() {
			delivered = delivered || string(got.Record.Value) == want
		}
		if !delivered || r.dest.Count() >= old {
			t.Fatalf(
				"fresh record delivered: %v, %d of %d old ones", delivered, r.dest.Count(), old,
			)
		}
		r.dest.SetLatency(nil)
		r.finish()
		if n := r.check(false); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

func TestAfterReplayKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.c.Failover.AfterReplay = "keep"
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		n := len(r.waiting())
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		r.finish()
		checkDelivered(t, r.g.sent, r.dest.Received(), nil, true)
		if kept := len(
			r.store.Keys(base + "replayed/"),
		); kept < n ||
			len(r.store.Keys("")) != kept {
			t.Fatalf("%d waited, %d kept, %d in the store", n, kept, len(r.store.Keys("")))
		}
	})
}

// An object that cannot be read to its end is moved aside and reported; what could be read and the
// rest are delivered.
func TestDamagedObjectIsMovedAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.start()
		r.dest.SetDown(true)
		r.feed(3 * time.Minute)
		keys := r.waiting()
		p := bytes.Clone(r.store.Bytes(keys[1]))
		p[len(p)/2] ^= 0x55
		r.store.Set(keys[1], p)
		q := r.store.Bytes(keys[3])
		r.store.Set(keys[3], q[:len(q)-9])
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		r.finish()
		left := r.store.Keys("")
		if len(left) != 2 || !strings.HasPrefix(left[0], base+"damaged/") ||
			!bytes.Equal(r.store.Bytes(left[0]), p) {
			t.Fatalf("left: %v", left)
		}
		if r.f.metric(t, "penstock_overflow_damaged_objects_total") != 2 ||
			strings.Count(r.f.logs.String(), "is damaged") != 2 {
			t.Fatal(r.f.logs)
		}
		seen := map[string]bool{}
		for _, g := range r.dest.Received() {
			seen[string(g.Record.Value)] = true
		}
		missing := 0
		for _, v := range r.g.sent {
			if !seen[v] {
				missing++
			}
		}
		if missing == 0 || missing > 200 {
			t.Fatalf("%d missing", missing)
		}
	})
}

// A host that lost its disk begins to count anew: objects of its earlier life are neither
// overwritten nor forgotten.
func TestObjectsOfAnEarlierLife(t *testing.T) {
	for _, meta := range []bool{true, false} {
		// the second life may hold what the first did, to the byte
		for _, second := range []string{"origin-9", "origin-8"} {
			objectsOfAnEarlierLife(t, meta, second)
		}
	}
}

func objectsOfAnEarlierLife(t *testing.T, meta bool, second string) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		if !meta {
			r.store.DropMetadata()
		}
		r.c.Failover.ObjectAge = time.Second
		r.dest.SetDown(true)
		r.start()
		r.log.Append(record.FromRecords("tag.origin-8", "origin-8", []record.Record{
			{
				Time:    1_700_000_000_000_000_000,
				Key:     []byte("origin-8"),
				Value:   []byte("origin-8 0"),
				Headers: []record.Header{{Key: "h"}},
			},
		}))
		time.Sleep(time.Minute)
		r.stop()
		if len(r.waiting()) != 1 {
			t.Fatal(r.waiting())
		}
		r.log = outputtest.NewMemLog("output.test.a")
		r.start()
		time.Sleep(time.Second)
		if got := r.f.metric(
			t, "penstock_overflow_oldest_timestamp_seconds",
		); got != 1_700_000_000 {
			t.Fatalf("metric says that the oldest record is of %f", got)
		}
		r.log.Append(record.FromRecords("tag."+second, second, []record.Record{
			{
				Time:    1_700_000_000_000_000_000,
				Key:     []byte(second),
				Value:   []byte(second + " 0"),
				Headers: []record.Header{{Key: "h"}},
			},
		}))
		time.Sleep(2 * time.Minute)
		if len(r.waiting()) != 2 {
			t.Fatal(r.waiting())
		}
		r.dest.SetDown(false)
		time.Sleep(2 * time.Minute)
		r.finish()
		r.g.sent = []string{"origin-8 0", second + " 0"}
		r.check(true)
		if got := r.dest.Count(); got != 2 {
			t.Fatalf("%d records were delivered, want 2", got)
		}
	})
}

// What the overflow holds can be read with zstdcat and jq: one JSON object per line.
func TestObjectIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.dest.SetDown(true)
		r.start()
		var b record.Builder
		b.Reset("app", "/var/log/app.log", 0)
		b.Append(
			1_767_323_045_000_000_006, []byte("k"), []byte("the \"line\"\x00"),
			[]record.Header{{Key: "h", Value: []byte{0xff}}, {Key: "n"}},
		)
		b.Append(0, nil, nil, nil)
		r.log.Append(b.Build())
		time.Sleep(2 * time.Minute)
		keys := r.waiting()
		if len(keys) != 1 ||
			!regexp.MustCompile(`^`+base+`0{20}-1\.[0-9a-f]{8}\.ndjson\.zst$`).
				MatchString(keys[0]) {
			t.Fatal(keys)
		}
		dec, err := zstd.NewReader(bytes.NewReader(r.store.Bytes(keys[0])))
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		text, err := io.ReadAll(dec)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"tag":"app","origin":"/var/log/app.log","offset":0,"time":"2026-01-02T03:04:05.000000006Z","key":"k",` +
			`"headers":[{"key":"h","value_base64":"/w=="},{"key":"n"}],"value":"the \"line\"\u0000"}` + "\n" +
			`{"tag":"app","origin":"/var/log/app.log","offset":1,"time":"1970-01-01T00:00:00Z"}` + "\n"
		if string(text) != want {
			t.Fatalf("got\n%swant\n%s", text, want)
		}
		r.stop()
	})
}

func TestStandbyTakesOverDuringAnOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		sf, standby := newFixture(t, "output.test.standby"), outputtest.NewDest()
		s := wrap(t, sf, standby, async, quick(), drain.Targets{DeadLetter: r.dead})
		d := wrap(t, r.f, r.dest, async, r.c, drain.Targets{DeadLetter: r.dead, Standby: s})
		errc := make(chan error, 1)
		go func() { errc <- d.Drain(t.Context(), r.log.Owner()) }()
		r.feed(5 * time.Second)
		r.dest.SetDown(true)
		r.feed(time.Minute)
		if got := d.Status().Logs[0].State; got != overflow.StateStandby || standby.Count() == 0 {
			t.Fatalf("state %s, %d records at the standby", got, standby.Count())
		}
		r.dest.SetDown(false)
		r.feed(time.Minute)
		n := standby.Count()
		r.feed(10 * time.Second)
		if got := d.Status().Logs[0].State; got != overflow.StateDirect || standby.Count() != n {
			t.Fatalf("state %s", got)
		}
		r.log.Seal()
		if err := <-errc; err != nil {
			t.Fatal(err)
		}
		all := append(standby.Received(), r.dest.Received()...)
		if n := checkDelivered(t, r.g.sent, all, nil, false); n != 0 {
			t.Fatalf("%d repeats", n)
		}
		d.Close()
		s.Close()
	})
}

// A replay that is told to end does not wait long for a store that does not answer: the lease ends
// by itself, and its holder may take it over.
func TestAStopDuringReplayDoesNotWaitForTheLease(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		r.dest.SetLatency(func() time.Duration { return 10 * time.Second })
		r.dest.SetDown(false)
		for r.state() != overflow.StateReplay {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		const limit = 2 * time.Second
		r.store.SetDelay(func(string, string) time.Duration { return time.Hour })
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > limit {
			t.Errorf("the stop took %v", took)
		} else {
			t.Log(took)
		}
		r.store.SetDelay(nil)
		r.dest.SetLatency(nil)
		r.start()
		r.feed(2 * time.Minute)
		r.finish()
		r.check(true)
	})
}
