package drain_test

import (
	"context"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
)

// wrap makes a Drainer around dest, sync or async.
func wrap(
	t testing.TB, f *fixture, dest *outputtest.Dest, async bool, c outputs.Common,
	targets drain.Targets,
) *drain.Drainer {
	t.Helper()
	var d *drain.Drainer
	var err error
	if async {
		d, err = drain.NewAsyncOutput(dest.AsyncWriter(32), c, f.env, targets)
	} else {
		d, err = drain.NewOutput(dest.Writer(), c, f.env, targets)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func both(t *testing.T, f func(t *testing.T, async bool)) {
	t.Run("writer", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, false) }) })
	t.Run("async", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, true) }) })
}

// TestDrainUnderRandomFaults fails batches and records at random, for good or not, with random
// latency, failing commits, gaps in the log and restarts. Everything arrives in order per origin,
// or is in the dead letter.
func TestDrainUnderRandomFaults(t *testing.T) {
	rounds := 10
	if runtest.Long() {
		rounds = 200
	}
	for range rounds {
		both(t, func(t *testing.T, async bool) {
			rng := runtest.Rand(t)
			var mu sync.Mutex
			roll := func(share float64) bool {
				mu.Lock()
				defer mu.Unlock()
				return rng.Float64() < share
			}
			dest, dead, log := outputtest.NewDest(), &memDead{}, outputtest.NewMemLog("log")
			g := newGen(rand.New(rand.NewPCG(rng.Uint64(), 2)))
			for range 200 {
				if rng.IntN(10) == 0 {
					log.Skip(rng.Int64N(5))
				}
				g.fill(log, 1, 7, 6)
			}
			// What is refused for good is so each time, or a repeat would change the order.
			salt := rng.Uint32()
			never := func(v []byte, share uint32) bool {
				return crc32.Update(salt, crc32.IEEETable, v) < math.MaxUint32/1000*share
			}
			dest.SetBefore(func(b *record.Batch) error {
				recs, _ := b.Records()
				var last []byte
				for r := range recs {
					last = r.Value
				}
				switch {
				case roll(0.05):
					return errors.New("try later")
				case never(last, 10):
					return outputs.Permanent(errors.New("no such table"))
				}
				return nil
			})
			again := roll(0.5) // records that are to be sent again alone cannot keep their order
			dest.SetJudge(func(r *record.Record) error {
				switch {
				case never(r.Value, 20):
					return outputs.Permanent(errors.New("too large"))
				case again && roll(0.02):
					return errors.New("busy")
				}
				return nil
			})
			dest.SetLatency(func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(rng.IntN(20)) * time.Millisecond
			})
			log.SetCommitFault(func(int64, string) outputtest.CommitFault {
				switch {
				case roll(0.15):
					return outputtest.CommitFails
				case roll(0.15):
					return outputtest.CommitUnknown
				}
				return outputtest.CommitWorks
			})
			restarts := 0
			for ; ; restarts++ {
				f := newFixture(t, "output.test.a")
				c := quick()
				c.Window = outputs.Window{
					Bytes:   1 + rng.Int64N(4000),
					Batches: 1 + rng.IntN(40),
					Lanes:   1 + rng.IntN(5),
				}
				d := wrap(t, f, dest, async, c, drain.Targets{DeadLetter: dead})
				if restarts == 3 {
					log.Seal()
				}
				ctx, cancel := context.WithTimeout(
					t.Context(), time.Duration(rng.IntN(300))*time.Millisecond,
				)
				if restarts >= 3 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
				}
				err := d.Drain(ctx, log.Owner())
				cancel()
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				if err == nil {
					break
				}
				if !errors.Is(err, context.DeadlineExceeded) || restarts >= 3 {
					t.Fatalf("drain: %v", err)
				}
			}
			if pos, _ := log.Committed(); pos != log.End() {
				t.Fatalf("committed %d, the log ends at %d", pos, log.End())
			}
			checkDelivered(t, g.sent, dest.Received(), dead.all(), !again)
			for _, l := range dead.all() {
				if l.Reason == "" || l.Output != "output.test.a" || l.Tag != "tag."+l.Origin {
					t.Fatalf("dead letter without what it needs: %+v", l)
				}
			}
		})
	}
}

func TestDrainRepeatsNothingWithoutFaults(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log := newFixture(t, "output.test.a"), outputtest.NewDest(), outputtest.NewMemLog(
			"log",
		)
		g := newGen(runtest.Rand(t))
		g.fill(log, 500, 9, 10)
		log.Seal()
		d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: &memDead{}})
		if err := d.Drain(t.Context(), log.Owner()); err != nil {
			t.Fatal(err)
		}
		if n := checkDelivered(t, g.sent, dest.Received(), nil, true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
		if got := f.metric(t, "penstock_output_records_total"); int(got) != len(g.sent) {
			t.Fatalf("records metric %v, want %d", got, len(g.sent))
		}
		if f.metric(t, "penstock_output_in_flight_batches") != 0 ||
			f.metric(t, "penstock_output_in_flight_bytes") != 0 {
			t.Fatal("in flight after the end")
		}
		d.Close()
	})
}

// partition is a log that says which partition it is.
type partition struct{ *outputtest.LogOwner }

func (partition) Partition() (string, int32) { return "topic", 0 }

// Brokers are asked to commit now and then; a buffer, which coalesces on its own, as soon as
// something was delivered.
func TestCommitsAreCoalesced(t *testing.T) {
	for _, partitioned := range []bool{false, true} {
		both(t, func(t *testing.T, async bool) {
			f, dest, log := newFixture(
				t, "output.test.a",
			), outputtest.NewDest(), outputtest.NewMemLog(
				"log",
			)
			d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: &memDead{}})
			ctx, cancel := context.WithCancel(t.Context())
			var owner record.Log = log.Owner()
			if partitioned {
				owner = partition{owner.(*outputtest.LogOwner)}
			}
			errc := make(chan error, 1)
			go func() { errc <- d.Drain(ctx, owner) }()
			g := newGen(runtest.Rand(t))
			behind := int64(0)
			for range 1000 {
				g.fill(log, 1, 3, 3)
				time.Sleep(10 * time.Millisecond)
				pos, _ := log.Committed()
				behind = max(behind, log.End()-pos)
			}
			time.Sleep(time.Second)
			if n := log.Commits(); partitioned && (n < 10 || n > 45) {
				t.Errorf("%d commits in 10 s", n)
			}
			if !partitioned && behind > 0 {
				t.Errorf("%d delivered records were not committed", behind)
			}
			if pos, _ := log.Committed(); pos != log.End() {
				t.Errorf("idle with %d committed of %d", pos, log.End())
			}
			cancel()
			if err := <-errc; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			d.Close()
		})
	}
}

// Beyond a hung or failing destination no more than the window is read: fluent-bit#6082, #5166,
// otel-contrib#44469.
func TestWindowBoundsMemory(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log := newFixture(t, "output.test.a"), outputtest.NewDest(), outputtest.NewMemLog(
			"log",
		)
		g := newGen(runtest.Rand(t))
		g.fill(log, 3000, 50, 5)
		log.Seal()
		dest.SetHung(true)
		c := quick()
		c.Window = outputs.Window{Bytes: 2000, Batches: 100, Lanes: 8}
		d := wrap(t, f, dest, async, c, drain.Targets{DeadLetter: &memDead{}})
		errc := make(chan error)
		go func() { errc <- d.Drain(t.Context(), log.Owner()) }()
		synctest.Wait()
		if n := f.metric(t, "penstock_output_in_flight_bytes"); n < 1000 || n > 2500 {
			t.Fatalf("%v bytes in flight, the window is 2000", n)
		}
		dest.SetHung(false)
		if err := <-errc; err != nil {
			t.Fatal(err)
		}
		checkDelivered(t, g.sent, dest.Received(), nil, true)
		d.Close()
	})
}

func TestFencedLogEndsTheDrain(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log := newFixture(t, "output.test.a"), outputtest.NewDest(), outputtest.NewMemLog(
			"log",
		)
		g := newGen(runtest.Rand(t))
		g.fill(log, 10, 3, 3)
		d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: &memDead{}})
		errc := make(chan error)
		go func() { errc <- d.Drain(t.Context(), log.Owner()) }()
		synctest.Wait()
		log.Owner()
		g.fill(log, 1, 3, 3)
		if err := <-errc; !errors.Is(err, record.ErrFenced) {
			t.Fatalf("got %v", err)
		}
		d.Close()
	})
}

// While the dead letter cannot be written, the record stays where it is and is not lost.
func TestDeadLetterThatFailsHoldsTheLog(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log, dead := newFixture(
			t, "output.test.a",
		), outputtest.NewDest(), outputtest.NewMemLog(
			"log",
		), &memDead{
			fail: true,
		}
		g := newGen(runtest.Rand(t))
		g.fill(log, 20, 1, 1)
		log.Seal()
		dest.SetJudge(func(r *record.Record) error {
			if strings.HasSuffix(string(r.Value), " 5") {
				return outputs.Permanent(errors.New("poison"))
			}
			return nil
		})
		d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: dead})
		errc := make(chan error)
		go func() { errc <- d.Drain(t.Context(), log.Owner()) }()
		time.Sleep(time.Minute)
		if pos, _ := log.Committed(); pos > 5 {
			t.Fatalf("committed %d past a record that is nowhere", pos)
		}
		dead.setFail(false)
		if err := <-errc; err != nil {
			t.Fatal(err)
		}
		if n := len(dead.all()); n != 1 {
			t.Fatalf("%d dead letters", n)
		}
		checkDelivered(t, g.sent, dest.Received(), dead.all(), true)
		logs := f.logs.String()
		if strings.Count(logs, "dead letter is failing") != 1 ||
			strings.Count(logs, "dead letter works again") != 1 {
			t.Fatalf("want one line at each end:\n%s", logs)
		}
		d.Close()
	})
}
