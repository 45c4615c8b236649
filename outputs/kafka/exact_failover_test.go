package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/replay"
	"github.com/twmb/franz-go/pkg/kerr"
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

// A transaction is committed and its answer lost, and Kafka is away long enough for everything to
// go to the overflow, the records of that transaction with it: they are not replayed.
func TestExactlyOnceFailoverInDoubt(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		for _, restart := range []bool{false, true} {
			t.Run(
				"applied="+strconv.FormatBool(applied)+"/restart="+strconv.FormatBool(restart),
				func(t *testing.T) {
					t.Parallel()
					n := newNetwork(3)
					c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
					r := newExactRig(t, c)
					store := r.overflow("oldest_first")
					stop, wait := r.drain(r.output())
					r.add(10, 50)
					r.until(
						"a commit", func() bool { pos, _ := r.log.Committed(); return pos == 500 },
					)

					var armed atomic.Bool
					armed.Store(true)
					c.ControlKey(
						int16(kmsg.EndTxn),
						func(kmsg.Request) (kmsg.Response, error, bool) {
							c.KeepControl()
							if !armed.CompareAndSwap(true, false) {
								return nil, nil, false
							}
							n.set(true, 0) // before there is an answer, which nobody will get
							if !applied {
								return nil, errors.New("lost"), true
							}
							return nil, nil, false
						},
					)
					r.add(10, 50)
					r.until("the commit in doubt", func() bool { return !armed.Load() })
					if restart {
						stop()
						stop, wait = r.drain(r.output())
					}
					r.add(20, 50)
					r.until(
						"everything to move",
						func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) && objects(store) > 0 },
					)
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
				},
			)
		}
	}
}

// Outages, lost answers, a failing store and stops at any moment: each record is there once,
// whichever way it took.
func TestExactlyOnceFailoverSoak(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"oldest_first", "newest_first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Seed(t)
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

// A crash between the transaction that held the end of an object and the object's removal repeats
// nothing, nor does one in the middle of an object.
func TestExactlyOnceReplayCutShort(t *testing.T) {
	t.Parallel()
	n := newNetwork(9)
	c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	store := r.overflow("oldest_first")
	stop, _ := r.drain(r.output())
	r.until("the first commit", func() bool { pos, _ := r.position(); return pos == 0 })
	n.set(true, 0)
	r.add(40, 50)
	r.untilMoved()
	before := objects(store)
	var tried atomic.Int64
	keep := func(op, key string) outputtest.StoreFault {
		if op == "delete" && strings.HasSuffix(key, ".ndjson.zst") {
			tried.Add(1)
			return outputtest.StoreFails
		}
		return outputtest.StoreWorks
	}
	for i := range 3 {
		tried.Store(0)
		store.SetFault(keep)
		n.set(false, 0)
		r.until("an object to be delivered", func() bool { return tried.Load() > 0 })
		r.log.Owner() // the crash
		stop()
		if left := objects(store); left != before-i {
			t.Fatalf("%d objects are left of %d: the test shows nothing", left, before)
		}
		// The next run removes what was delivered, and delivers the next one.
		store.SetFault(func(op, key string) outputtest.StoreFault {
			if op == "delete" && strings.HasSuffix(key, ".ndjson.zst") {
				store.SetFault(keep)
			}
			return outputtest.StoreWorks
		})
		if i < 2 {
			stop, _ = r.drain(r.output())
		}
		r.until(
			"the delivered object's removal",
			func() bool { return i == 2 || objects(store) == before-i-1 },
		)
	}
	store.SetFault(nil)
	stop, wait := r.drain(r.output())
	r.add(4, 50)
	r.untilDelivered(store)
	r.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	r.check()
}

// The overflow of a host that is gone is replayed by another, which is killed in between: each
// record is there once.
func TestExactlyOnceReplayByCommand(t *testing.T) {
	t.Parallel()
	n := newNetwork(9)
	c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	store := r.overflow("oldest_first")
	stop, _ := r.drain(r.output())
	r.until("the first commit", func() bool { pos, _ := r.position(); return pos == 0 })
	n.set(true, 0)
	r.add(40, 50)
	r.untilMoved()
	stop()
	n.set(false, 0)
	prefix := replay.Prefix("overflow", "edge-1")
	cut := 0
	for i := range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		if i < 3 {
			left := 8
			var mu sync.Mutex
			store.SetFault(func(op, key string) outputtest.StoreFault {
				mu.Lock()
				defer mu.Unlock()
				if left--; left == 0 {
					cancel()
				}
				if left <= 0 && op == "delete" && strings.HasSuffix(key, ".ndjson.zst") {
					return outputtest.StoreFails
				}
				return outputtest.StoreWorks
			})
		} else {
			store.SetFault(nil)
		}
		out := r.output()
		sum, err := replay.FromStore(
			ctx,
			store,
			prefix,
			replay.Options{
				To:     out,
				Log:    slog.New(slog.DiscardHandler),
				Dir:    t.TempDir(),
				Holder: "somebody",
			},
		)
		cancel()
		if err != nil && i == 3 {
			t.Fatalf("%+v, %v", sum, err)
		}
		if err != nil {
			cut++
		}
	}
	if cut == 0 {
		t.Error("no replay was cut short: the test shows nothing")
	}
	if objects(store) != 0 {
		t.Errorf("%d objects are left", objects(store))
	}
	r.check()
}

// An object that the store does not give whole, at the first GET or at the second, is not taken for
// delivered: by the agent and by the command.
func TestExactlyOnceReplayOfWhatIsNotGivenWhole(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]outputtest.StoreFault{
		"hangs up": outputtest.StoreHangsUp, "short": outputtest.StoreShort, "empty": outputtest.StoreEmpty, "flips": outputtest.StoreFlips,
	} {
		for _, command := range []bool{false, true} {
			for _, meta := range []bool{true, false} {
				t.Run(
					fmt.Sprintf("%s/command=%v/metadata=%v", name, command, meta),
					func(t *testing.T) {
						t.Parallel()
						n := newNetwork(9)
						c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
						r := newExactRig(t, c)
						store := r.overflow("oldest_first")
						if !meta {
							store.DropMetadata()
						}
						stop, wait := r.drain(r.output())
						r.until(
							"the first commit",
							func() bool { pos, _ := r.position(); return pos == 0 },
						)
						n.set(true, 0)
						r.add(40, 50)
						r.untilMoved()
						var gets atomic.Int64
						store.SetFault(func(op, key string) outputtest.StoreFault {
							if op == "get" && strings.HasSuffix(key, ".ndjson.zst") &&
								gets.Add(1)%4 >= 2 &&
								gets.Load() < 40 {
								return fault
							}
							return outputtest.StoreWorks
						})
						if command {
							stop()
							n.set(false, 0)
							sum, err := replay.FromStore(
								t.Context(),
								store,
								"",
								replay.Options{
									To:  r.output(),
									Log: slog.New(slog.DiscardHandler),
									Dir: t.TempDir(),
								},
							)
							if err != nil || sum.Damaged > 0 {
								t.Fatalf("%+v %v", sum, err)
							}
						} else {
							n.set(false, 0)
							r.until("the replay", func() bool { return objects(store) == 0 })
							r.log.Seal()
							if err := wait(); err != nil {
								t.Fatal(err)
							}
							stop()
						}
						if left := store.Keys(""); len(left) > 0 {
							t.Errorf("left: %q", left)
						}
						r.check()
					},
				)
			}
		}
	}
}

// An object is delivered and not removed yet when the agent ends. Its successor asks what it is and
// is given nothing, or only half of it, at first: that is not taken for another object, which would
// have to be delivered anew.
func TestExactlyOnceDeliveredObjectIsNotMistakenForAnother(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]outputtest.StoreFault{
		"empty": outputtest.StoreEmpty, "short": outputtest.StoreShort, "hangs up": outputtest.StoreHangsUp,
	} {
		for _, meta := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/metadata=%v", name, meta), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(9)
				c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
				r := newExactRig(t, c)
				store := r.overflow("oldest_first")
				if !meta {
					store.DropMetadata()
				}
				stop, _ := r.drain(r.output())
				r.until("the first commit", func() bool { pos, _ := r.position(); return pos == 0 })
				n.set(true, 0)
				r.add(40, 50)
				r.untilMoved()
				var tried atomic.Int64
				store.SetFault(func(op, key string) outputtest.StoreFault {
					if op == "delete" && strings.HasSuffix(key, ".ndjson.zst") {
						tried.Add(1)
						return outputtest.StoreFails
					}
					return outputtest.StoreWorks
				})
				n.set(false, 0)
				r.until("an object to be delivered", func() bool { return tried.Load() > 0 })
				r.log.Owner() // the crash
				stop()
				var gets atomic.Int64
				store.SetFault(func(op, key string) outputtest.StoreFault {
					if op == "get" && strings.HasSuffix(key, ".ndjson.zst") && gets.Add(1) == 1 {
						return fault
					}
					return outputtest.StoreWorks
				})
				stop, wait := r.drain(r.output())
				r.untilDelivered(store)
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

// A host loses its disk while its overflow waits, and counts positions anew. What Kafka turns out
// to have of the new log is not taken for what the old log's objects hold at the same positions.
func TestExactlyOnceDoubtIsOfItsLog(t *testing.T) {
	t.Parallel()
	n := newNetwork(4)
	c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	store := r.overflow("newest_first")
	n.set(true, 0)
	stop, _ := r.drain(r.output())
	r.add(30, 50)
	r.until(
		"the first life to move",
		func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) && objects(store) > 0 },
	)
	stop()
	old := r.total()

	r.log = outputtest.NewMemLog("buffer")
	store.SetFault(func(op, key string) outputtest.StoreFault { // nothing of it is replayed yet
		if op == "get" && strings.HasSuffix(key, ".ndjson.zst") {
			return outputtest.StoreFails
		}
		return outputtest.StoreWorks
	})
	n.set(false, 0)
	stop, wait := r.drain(r.output())
	r.add(10, 50)
	r.until(
		"a commit", func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()-old) },
	)
	var armed atomic.Bool
	armed.Store(true)
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if armed.CompareAndSwap(true, false) {
			n.set(true, 0) // it has its effect, and nobody gets the answer
		}
		return nil, nil, false
	})
	r.add(10, 50)
	r.until("the commit in doubt", func() bool { return !armed.Load() })
	r.until(
		"everything to move",
		func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()-old) },
	)
	n.set(false, 0)
	r.until(
		"the doubt's end",
		func() bool { _, note := r.log.Committed(); return strings.Contains(note, `"skip"`) },
	)
	store.SetFault(nil)
	r.until("the replay", func() bool { return objects(store) == 0 })
	r.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	seen := map[string]int{}
	for _, rec := range r.committed(r.total()) {
		k, _, _ := strings.Cut(string(rec.Value), " ")
		seen[k]++
	}
	if len(seen) != r.total() {
		t.Errorf("%d records are there, want %d", len(seen), r.total())
	}
}

// Coordinators that are slow, as those that many agents share can be, do each step of a commit:
// that is no outage, though a commit takes longer than failover.after. Those that refuse one for
// good are.
func TestExactlyOnceSlowCoordinatorIsNoOutage(t *testing.T) {
	t.Parallel()
	n := newNetwork(9)
	c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	store := r.overflow("oldest_first")
	set := r.common
	r.common = func(o *outputs.Common) {
		set(o)
		o.Failover.After = time.Second
	}
	r.change = func(cfg *Config) {
		cfg.RequestTimeout, cfg.DeliveryTimeout = 5*time.Second, 20*time.Second
		cfg.CommitIntervalMax = cfg.CommitInterval
	}
	var slow, refused atomic.Bool
	for _, key := range []kmsg.Key{
		kmsg.OffsetFetch, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn,
		kmsg.TxnOffsetCommit, kmsg.EndTxn,
	} {
		c.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if slow.Load() {
				c.SleepControl(func() { time.Sleep(600 * time.Millisecond) })
			}
			if commit, ok := req.(*kmsg.TxnOffsetCommitRequest); ok && refused.Load() {
				resp := commit.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
				for _, t := range commit.Topics {
					rt := kmsg.NewTxnOffsetCommitResponseTopic()
					rt.Topic = t.Topic
					for _, p := range t.Partitions {
						rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
						rp.Partition, rp.ErrorCode = p.Partition, kerr.GroupAuthorizationFailed.Code
						rt.Partitions = append(rt.Partitions, rp)
					}
					resp.Topics = append(resp.Topics, rt)
				}
				return resp, nil, true
			}
			return nil, nil, false
		})
	}
	slow.Store(true)
	r.add(1, 10)
	stop, _ := r.drain(r.output())
	last, commits := int64(0), 0
	r.until("some commits", func() bool {
		r.add(1, 10)
		if pos, _ := r.log.Committed(); pos != last {
			last = pos
			commits++
		}
		return commits == 4
	})
	if k := objects(store); k > 0 {
		t.Errorf("%d objects", k)
	}
	refused.Store(true)
	r.until("an object", func() bool { r.add(1, 10); return objects(store) > 0 })
	stop()
}
