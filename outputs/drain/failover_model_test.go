package drain_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
)

// TestFailoverModel throws outages, hangs, a filling buffer, a faulty store, failing commits,
// pauses and kills at the output, all at random and all at once. In the end nothing is lost,
// nothing is left in the store, and order per origin holds. Where nothing is killed and neither
// store nor commits fail, nothing comes twice.
func TestFailoverModel(t *testing.T) {
	n := 10
	if runtest.Long() {
		n = 200
	}
	for range n {
		synctest.Test(t, func(t *testing.T) {
			rng := runtest.Rand(t)
			var mu sync.Mutex
			roll := func(share float64) bool {
				mu.Lock()
				defer mu.Unlock()
				return rng.Float64() < share
			}
			intn := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(n)
			}
			r := newRig(t, false)
			r.c.Failover.After, r.c.Failover.Recover = 3*time.Second, 3*time.Second
			r.c.Failover.ObjectAge = time.Duration(1+intn(5)) * time.Second
			r.c.Failover.ObjectSize = int64(20 + intn(2000))
			r.c.Window = outputs.Window{
				Bytes:   int64(100 + intn(5000)),
				Batches: 1 + intn(30),
				Lanes:   1 + intn(4),
			}
			ordered := true
			if roll(0.3) {
				r.c.Failover.Order, ordered = "newest_first", false
			}
			r.async = roll(0.5)
			if roll(0.3) {
				r.store.DropMetadata()
			}
			calm := roll(0.3)
			var d *drain.Drainer
			begin := func(l *life) {
				f := newFixture(t, "output.test.a")
				targets := drain.Targets{DeadLetter: r.dead, Overflow: mortalStore{r.store, l}}
				var err error
				if r.async {
					d, err = drain.NewAsyncOutput(r.dest.AsyncWriter(32), r.c, f.env, targets)
				} else {
					d, err = drain.NewOutput(
						mortalWriter{r.dest.Writer(), r.dest, l}, r.c, f.env, targets,
					)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			run := func(l *life) (context.CancelFunc, chan error) {
				ctx, cancel := context.WithCancel(t.Context())
				errc := make(chan error, 1)
				log := mortalLog{r.log.Owner(), l}
				go func() { errc <- d.Drain(ctx, log) }()
				return cancel, errc
			}
			fresh := func(last bool) *life {
				if last || calm {
					return newLife(0, false)
				}
				return newLife(1+intn(400), roll(0.5))
			}
			l := fresh(false)
			begin(l)
			cancel, errc := run(l)
			kills, pauses := 0, 0
			restart := func(last bool) {
				cancel()
				<-errc
				l = fresh(last)
				begin(l)
				cancel, errc = run(l)
			}
			for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
				switch intn(10) {
				case 0:
					r.dest.SetDown(roll(0.6))
				case 1:
					r.dest.SetHung(roll(0.4))
				case 2:
					fill := []float64{0.1, 0.75, 0.9}[intn(3)]
					r.log.SetFill(fill)
				case 3:
					share := []float64{0, 0.2, 1}[intn(3)]
					if calm {
						share = 0
					}
					r.store.SetFault(func(op, key string) outputtest.StoreFault {
						if roll(share) {
							return outputtest.StoreFault(1 + intn(3))
						}
						return outputtest.StoreWorks
					})
				case 4:
					share := []float64{0, 0.5}[intn(2)]
					if calm {
						share = 0
					}
					r.log.SetCommitFault(func(int64, string) outputtest.CommitFault {
						if roll(share) {
							return outputtest.CommitFault(1 + intn(2))
						}
						return outputtest.CommitWorks
					})
				case 5:
					cancel()
					<-errc
					r.g.fill(r.log, intn(10), 5, 5)
					time.Sleep(time.Duration(intn(10)) * time.Second)
					cancel, errc = run(l)
					pauses++
				case 6:
					lat := time.Duration(intn(1500)) * time.Millisecond
					r.dest.SetLatency(
						func() time.Duration { return time.Duration(intn(int(lat) + 1)) },
					)
				default:
					for range intn(30) {
						r.g.fill(r.log, 1, 5, 5)
						time.Sleep(time.Duration(intn(200)) * time.Millisecond)
					}
				}
				select {
				case <-l.killed:
					kills++
					restart(false)
				default:
				}
			}
			r.dest.SetDown(false)
			r.dest.SetHung(false)
			r.dest.SetLatency(nil)
			r.store.SetFault(nil)
			r.log.SetCommitFault(nil)
			r.log.SetFill(0)
			if !calm {
				restart(true)
			}
			time.Sleep(10 * time.Minute)
			r.log.Seal()
			select {
			case err := <-errc:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(time.Hour):
				t.Fatalf("stuck after %d kills; in the store: %v", kills, r.store.Keys(""))
			}
			cancel()
			t.Logf("%+v", *r.c.Failover)
			t.Logf(
				"async %v, %d kills, %d pauses, store %v", r.async, kills, pauses, r.store.Keys(""),
			)
			if n := r.check(ordered); calm && n > 0 {
				t.Errorf("%d repeats", n)
			}
		})
	}
}
