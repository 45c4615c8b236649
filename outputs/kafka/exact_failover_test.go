package kafka

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (r *exactRig) overflow(order string) *outputtest.MemStore {
	store := outputtest.NewMemStore()
	r.targets.Overflow = store
	r.common = func(c *outputs.Common) {
		f := &outputs.Failover{}
		f.SetDefaults()
		f.To, f.After, f.Recover, f.Order = "output.s3.overflow", 300*time.Millisecond, 100*time.Millisecond, order
		f.ObjectSize, f.ObjectAge = 4<<10, 100*time.Millisecond
		c.Failover = f
	}
	return store
}

// objects counts what waits in the overflow.
func objects(s *outputtest.MemStore) (n int) {
	for _, key := range s.Keys("") {
		if strings.HasSuffix(key, ".ndjson.zst") {
			n++
		}
	}
	return n
}

// A transaction is committed and its answer lost, and Kafka is away long enough for everything to go to the overflow, the records of that transaction
// with it: they are not replayed.
func TestExactlyOnceFailoverInDoubt(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, restart := range []bool{false, true} {
			t.Run("applied="+strconv.FormatBool(applied)+"/restart="+strconv.FormatBool(restart), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(3)
				c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
				r := newExactRig(t, c)
				store := r.overflow("oldest_first")
				stop, wait := r.drain(r.output())
				r.add(10, 50)
				r.until("a commit", func() bool { pos, _ := r.log.Committed(); return pos == 500 })

				var armed atomic.Bool
				armed.Store(true)
				c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
					c.KeepControl()
					if !armed.CompareAndSwap(true, false) {
						return nil, nil, false
					}
					if applied {
						n.loseNext()
					}
					go n.set(true, 0) // the answer is held by nobody
					if !applied {
						return nil, errors.New("lost"), true
					}
					return nil, nil, false
				})
				r.add(10, 50)
				r.until("the commit in doubt", func() bool { return !armed.Load() })
				if restart {
					stop()
					stop, wait = r.drain(r.output())
				}
				r.add(20, 50)
				r.until("everything to move", func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) && objects(store) > 0 })
				if restart {
					stop()
					stop, wait = r.drain(r.output())
				}
				n.set(false, 0)
				r.until("the replay", func() bool { return objects(store) == 0 })
				r.add(5, 50)
				r.log.Seal()
				if err := wait(); err != nil {
					t.Fatal(err)
				}
				stop()
				r.check()
			})
		}
	}
}

// Outages, lost answers, a failing store and stops at any moment: each record is there once, whichever way it took.
func TestExactlyOnceFailoverSoak(t *testing.T) {
	for _, order := range []string{"oldest_first", "newest_first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			if s := os.Getenv("PENSTOCK_SEED"); s != "" {
				seed, _ = strconv.ParseUint(s, 10, 64)
			}
			t.Logf("PENSTOCK_SEED=%d", seed)
			rng := rand.New(rand.NewPCG(seed, 5))
			n := newNetwork(seed)
			c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
			r := newExactRig(t, c)
			store := r.overflow(order)
			stop, wait := r.drain(r.output())
			for range 25 {
				r.add(1+rng.IntN(12), 30)
				switch rng.IntN(8) {
				case 0:
					n.set(true, 0)
				case 1, 2:
					n.set(false, 0)
				case 3:
					n.set(false, 0.2)
				case 4:
					r.log.SetFill(0.9)
				case 5:
					r.log.SetFill(0)
				case 7:
					share := rng.Float64() / 2
					frng := rand.New(rand.NewPCG(rng.Uint64(), 1))
					var mu sync.Mutex
					store.SetFault(func(op, key string) outputtest.StoreFault {
						mu.Lock()
						defer mu.Unlock()
						if frng.Float64() < share {
							return []outputtest.StoreFault{outputtest.StoreFails, outputtest.StoreTimeout, outputtest.StoreCut}[frng.IntN(3)]
						}
						return outputtest.StoreWorks
					})
				case 6: // a crash: nothing that is done after this is seen by anybody
					if rng.IntN(2) == 0 {
						n.set(true, 0)
					}
					r.log.Owner()
					stop()
					n.set(false, 0)
					stop, wait = r.drain(r.output())
				}
				<-time.After(time.Duration(rng.IntN(400)) * time.Millisecond)
			}
			n.set(false, 0)
			r.log.SetFill(0)
			store.SetFault(nil)
			r.log.Seal()
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			stop()
			for range 5 { // a log that ends while Kafka is away leaves the overflow to the next run
				if objects(store) == 0 {
					break
				}
				stop, wait = r.drain(r.output())
				if err := wait(); err != nil {
					t.Fatal(err)
				}
				stop()
			}
			if objects(store) != 0 {
				t.Errorf("%d objects are left", objects(store))
			}
			recs := r.committed(r.total())
			if order == "oldest_first" {
				checkOrder(t, recs, r.want)
				return
			}
			seen := map[string]bool{}
			for _, rec := range recs {
				k, _, _ := strings.Cut(string(rec.Value), " ")
				if seen[k] {
					t.Errorf("%s twice", k)
				}
				seen[k] = true
			}
		})
	}
}
