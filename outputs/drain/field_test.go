package drain_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
)

// plain drains a log without failover.
type plain struct {
	f    *fixture
	dest *outputtest.Dest
	log  *outputtest.MemLog
	dead *memDead
	g    *gen
	d    *drain.Drainer
	errc chan error
}

func newPlain(t *testing.T, async bool, c outputs.Common) *plain {
	t.Helper()
	p := &plain{
		f:    newFixture(t, "output.test.a"),
		dest: outputtest.NewDest(),
		log:  outputtest.NewMemLog("log"),
		dead: &memDead{},
		g:    newGen(runtest.Rand(t)),
		errc: make(chan error, 1),
	}
	p.d = wrap(t, p.f, p.dest, async, c, drain.Targets{DeadLetter: p.dead})
	owner := p.log.Owner()
	go func() { p.errc <- p.d.Drain(t.Context(), owner) }()
	return p
}

func (p *plain) finish(t *testing.T) (repeats int) {
	t.Helper()
	p.log.Seal()
	select {
	case err := <-p.errc:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Hour):
		t.Fatalf("stuck: %+v", p.d.Status())
	}
	p.d.Close()
	return checkDelivered(t, p.g.sent, p.dest.Received(), p.dead.all(), true)
}

// The position advanced while the output was failing.
func TestFluentBit2846_PositionWaitsForDelivery(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.dest.SetDown(true)
		p.g.fill(p.log, 100, 4, 4)
		time.Sleep(10 * time.Minute)
		if pos, _ := p.log.Committed(); pos != 0 || p.log.Commits() != 0 {
			t.Fatalf("committed %d while nothing was delivered", pos)
		}
		p.dest.SetDown(false)
		p.finish(t)
	})
}

// The destination came back, and the first stored batches were dropped.
func TestFluentBit10667_FirstBatchesSurviveTheOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.dest.SetDown(true)
		p.g.fill(p.log, 500, 6, 5)
		time.Sleep(10 * time.Minute)
		p.dest.SetDown(false)
		if n := p.finish(t); n != 0 {
			t.Fatalf("%d repeats", n)
		}
		if len(p.dead.all()) != 0 {
			t.Fatal("an outage is no refusal for good")
		}
		if got := string(p.dest.Received()[0].Record.Value); !strings.HasSuffix(got, " 0") {
			t.Fatalf("the first record to arrive is %q", got)
		}
	})
}

// What was queued counted as delivered, and a full queue was the end.
func TestFluentBit3766_QueuedIsNotDelivered(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		c := quick()
		c.Window = outputs.Window{Bytes: 500, Batches: 3, Lanes: 3}
		p := newPlain(t, async, c)
		p.dest.SetLatency(func() time.Duration { return 50 * time.Millisecond })
		p.log.SetCommitFault(func(pos int64, _ string) outputtest.CommitFault {
			if n := int64(p.dest.Count()); pos > n {
				t.Errorf("commit of %d with %d delivered", pos, n)
			}
			return outputtest.CommitWorks
		})
		p.g.fill(p.log, 300, 4, 4)
		p.finish(t)
	})
}

// Half an hour without Kafka, some minutes of draining, then frozen until restarted.
func TestFluentBit4378_DrainsToTheEndAfterAnOutage(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.g.fill(p.log, 50, 4, 4)
		time.Sleep(time.Second)
		p.dest.SetHung(true)
		for range 30 {
			p.g.fill(p.log, 50, 4, 4)
			time.Sleep(time.Minute)
		}
		p.dest.SetHung(false)
		time.Sleep(5 * time.Minute)
		if pos, _ := p.log.Committed(); pos != p.log.End() {
			t.Fatalf("committed %d of %d", pos, p.log.End())
		}
		p.g.fill(p.log, 50, 4, 4)
		p.finish(t)
	})
}

// One dead output stalled the others: fluent-bit#11370, vector#22064. Each has a cursor of its own
// on the one log; flume kept a copy for each.
func TestFluentBit11370_DeadOutputStallsNoOther(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		rng := runtest.Rand(t)
		seed := rng.Uint64()
		a, b := newPlain(t, async, quick()), newPlain(t, async, quick())
		a.g, b.g = newGen(rand.New(rand.NewPCG(seed, 1))), newGen(rand.New(rand.NewPCG(seed, 1)))
		a.dest.SetHung(true)
		for range 100 {
			a.g.fill(a.log, 1, 4, 4)
			b.g.fill(b.log, 1, 4, 4)
		}
		time.Sleep(time.Second)
		if pos, _ := b.log.Committed(); pos != b.log.End() {
			t.Fatalf("committed %d of %d", pos, b.log.End())
		}
		a.dest.SetHung(false)
		a.finish(t)
		b.finish(t)
	})
}

// A broker that is bounced loses nothing that was in flight.
func TestVector24193_BounceWithBatchesInFlight(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.dest.SetLatency(func() time.Duration { return 30 * time.Millisecond })
		for range 40 {
			p.g.fill(p.log, 30, 6, 4)
			time.Sleep(45 * time.Millisecond)
			p.dest.SetDown(true)
			time.Sleep(time.Second)
			p.dest.SetDown(false)
		}
		p.finish(t)
	})
}

// All chunks were dropped without reaching the secondary: here primary and standby are both down,
// and nothing is dropped.
func TestFluentd2123_StandbyDownToo(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		sf, standby := newFixture(t, "output.test.standby"), outputtest.NewDest()
		s := wrap(t, sf, standby, async, quick(), drain.Targets{DeadLetter: r.dead})
		d := wrap(t, r.f, r.dest, async, r.c, drain.Targets{DeadLetter: r.dead, Standby: s})
		errc := make(chan error, 1)
		go func() { errc <- d.Drain(t.Context(), r.log.Owner()) }()
		r.dest.SetDown(true)
		standby.SetDown(true)
		r.feed(5 * time.Minute)
		if pos, _ := r.log.Committed(); pos != 0 {
			t.Fatalf("committed %d", pos)
		}
		standby.SetDown(false)
		r.feed(time.Minute)
		r.log.Seal()
		if err := <-errc; err != nil {
			t.Fatal(err)
		}
		checkDelivered(t, r.g.sent, standby.Received(), r.dead.all(), true)
		d.Close()
		s.Close()
	})
}

// One over-large message stopped the output (fluent-plugin-kafka#117, #323; flume: one bad event
// stops the rest), or was dropped and not counted (beats#14906).
func TestBeats14906_OverLargeRecordGoesToTheDeadLetterCounted(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.dest.SetJudge(func(r *record.Record) error {
			if bytes.HasSuffix(r.Value, []byte("9")) {
				return outputs.Permanent(errors.New("message too large"))
			}
			return nil
		})
		p.g.fill(p.log, 200, 3, 4)
		if n := p.finish(t); n != 0 {
			t.Fatalf("%d repeats", n)
		}
		want := 0
		for _, v := range p.g.sent {
			if v[len(v)-1] == '9' {
				want++
			}
		}
		if n := len(
			p.dead.all(),
		); n != want || int(p.f.metric(t, "penstock_output_dead_letter_records_total")) != want ||
			p.d.Status().DeadLettered != int64(want) {
			t.Fatalf("%d dead letters, want %d", n, want)
		}
	})
}

// The output never reconnected (beats#37276): however many attempts fail, there is another, and it
// is not far off.
func TestBeats37276_AttemptsNeverEnd(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		p := newPlain(t, async, quick())
		p.dest.SetDown(true)
		p.g.fill(p.log, 10, 2, 2)
		time.Sleep(20 * time.Minute)
		p.dest.SetDown(false)
		time.Sleep(2 * time.Second)
		if pos, _ := p.log.Committed(); pos != p.log.End() {
			t.Fatalf(
				"committed %d of %d two seconds after the destination came back", pos, p.log.End(),
			)
		}
		p.finish(t)
		if n := strings.Count(p.f.logs.String(), "destination is failing"); n != 1 {
			t.Fatalf("logged %d times that it fails", n)
		}
	})
}

// A reload or a stop during an outage ended in an endless loop that ignored SIGTERM.
func TestFluentBit10670_StopDuringAnOutage(t *testing.T) {
	for _, hang := range []bool{false, true} {
		both(t, func(t *testing.T, async bool) {
			r := newRig(t, async)
			r.store.SetDelay(func(string, string) time.Duration { return time.Hour })
			if hang {
				r.dest.SetHung(true)
			} else {
				r.dest.SetDown(true)
			}
			r.start()
			r.feed(3 * time.Minute)
			begin := time.Now()
			r.stop()
			if d := time.Since(begin); d > 20*time.Second {
				t.Fatalf("stopping took %v", d)
			}
		})
	}
}

// A queue's drain after recovery ran out of memory or collapsed (otel-contrib#44469, #41204): the
// replay holds no more than a window, and objects are read one at a time.
func TestOtelContrib44469_ReplayHoldsNoMoreThanAWindow(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Window = outputs.Window{Bytes: 1000, Batches: 10, Lanes: 2}
		r.dest.SetDown(true)
		r.start()
		r.feed(5 * time.Minute)
		var mu sync.Mutex
		gets := 0
		r.store.SetFault(func(op, key string) outputtest.StoreFault {
			mu.Lock()
			defer mu.Unlock()
			if op == "get" && strings.HasSuffix(key, ".zst") {
				gets++
			}
			return outputtest.StoreWorks
		})
		r.dest.SetDown(false)
		r.dest.SetHung(false)
		time.Sleep(29 * time.Second)
		r.dest.SetLatency(func() time.Duration { return 20 * time.Second })
		time.Sleep(10 * time.Second)
		mu.Lock()
		n := gets
		mu.Unlock()
		if b := r.f.metric(t, "penstock_output_in_flight_bytes"); b > 1500 || n > 3 {
			t.Fatalf("%v bytes in flight, %d objects open", b, n)
		}
		r.dest.SetLatency(nil)
		time.Sleep(5 * time.Minute)
		r.finish()
		r.check(true)
	})
}

// A log whose records are all discarded on the way is committed too, also in the overflow.
func TestPositionsWithoutRecordsAreCommitted(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		for _, down := range []bool{false, true} {
			r := newRig(t, async)
			r.dest.SetDown(down)
			r.start()
			r.g.fill(r.log, 3, 1, 1)
			for range 100 {
				gap := record.FromRecords("t", "o", nil)
				r.log.AppendGap(gap, 5)
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute)
			if pos, _ := r.log.Committed(); pos != r.log.End() {
				t.Fatalf("down %v: committed %d of %d", down, pos, r.log.End())
			}
			r.dest.SetDown(false)
			time.Sleep(2 * time.Minute)
			r.finish()
			r.check(true)
		}
	})
}
