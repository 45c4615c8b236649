package drain_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/replay"
)

// inTheWay are the ways in which a GET can go wrong without the store's knowing.
var inTheWay = map[string]outputtest.StoreFault{
	"hangs up": outputtest.StoreHangsUp,
	"short":    outputtest.StoreShort,
	"empty":    outputtest.StoreEmpty,
	"cut":      outputtest.StoreCut,
	"flips":    outputtest.StoreFlips,
}

// faulty makes every GET of an object go wrong, n times each or, with n 0, until it is told
// otherwise.
func faulty(f outputtest.StoreFault, n int64) func(op, key string) outputtest.StoreFault {
	var left atomic.Int64
	left.Store(n)
	return func(op, key string) outputtest.StoreFault {
		if op == "get" && strings.HasSuffix(key, ".ndjson.zst") && (n == 0 || left.Add(-1) >= 0) {
			return f
		}
		return outputtest.StoreWorks
	}
}

// An object is deleted once what was acknowledged is the object, never because reading it ended
// without an error. The store hangs up on every GET for a while, or the answer ends early, and each
// line still arrives, once.
func TestObjectIsDeletedOnlyOnceItIsDelivered(t *testing.T) {
	for name, fault := range inTheWay {
		for _, meta := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", meta), func(t *testing.T) {
				both(t, func(t *testing.T, async bool) {
					r := newRig(t, async)
					if !meta {
						r.store.DropMetadata()
					}
					r.start()
					r.dest.SetDown(true)
					r.feed(2 * time.Minute)
					n := int64(0)
					if fault == outputtest.StoreFlips {
						n = 2 // what is damaged again and again is taken for damaged in the store
					}
					r.store.SetFault(faulty(fault, n))
					before := len(r.waiting())
					r.dest.SetDown(false)
					r.feed(time.Minute)
					if now := len(r.waiting()); n == 0 && now < before {
						t.Errorf("%d objects of %d are left while none can be read", now, before)
					}
					r.store.SetFault(nil)
					r.feed(5 * time.Minute)
					r.finish()
					if n := r.check(true); n != 0 {
						t.Fatalf("%d repeats", n)
					}
				})
			})
		}
	}
}

// The same by the command, for overflow and for dead letters in a store.
func TestReplayDeletesOnlyWhatItDelivered(t *testing.T) {
	for name, fault := range inTheWay {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, false)
				lostHost(t, r)
				f := newFixture(t, "output.test.a")
				records := deadletter.NewStore(r.store, f.env)
				for i := range 3 {
					l := deadRecord(fmt.Sprintf("origin-9 %d", i))
					if err := records.Keep(t.Context(), []outputs.DeadRecord{l}); err != nil {
						t.Fatal(err)
					}
				}
				d, err := drain.NewOutput(
					r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
				)
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				r.store.SetFault(faulty(fault, 2))
				opts := replay.Options{To: d, Log: f.env.Log, Dir: t.TempDir()}
				sum, err := replay.FromStore(t.Context(), r.store, "", opts)
				if err != nil || sum.Damaged > 0 || sum.Records != int64(len(r.g.sent)+3) ||
					r.dest.Count() != len(r.g.sent)+3 {
					t.Fatalf("%+v %v: %d of %d arrived", sum, err, r.dest.Count(), len(r.g.sent)+3)
				}
				if keys := r.store.Keys(""); len(keys) != 0 {
					t.Fatalf("left: %v", keys)
				}
			})
		})
	}
}

// The same for an archive's dead letters.
func TestReplayArchiveDeletesOnlyWhatItDelivered(t *testing.T) {
	for _, fault := range []outputtest.StoreFault{outputtest.StoreHangsUp, outputtest.StoreShort, outputtest.StoreEmpty, outputtest.StoreCut} {
		store, w, f := outputtest.NewMemStore(), &topicsWriter{}, newFixture(t, "output.test.a")
		d, err := drain.NewOutput(w, quick(), f.env, drain.Targets{DeadLetter: &memDead{}})
		if err != nil {
			t.Fatal(err)
		}
		store.SetWith(
			"_dead/a/1", []byte(deadLetterA1+deadLetterA2),
			map[string]string{"penstock-records": "2"},
		)
		store.SetWith("_dead/a/2", []byte(deadLetterA1), map[string]string{"penstock-records": "2"})
		gets := 0
		store.SetFault(func(op, key string) outputtest.StoreFault {
			if op == "get" && key == "_dead/a/1" {
				if gets++; gets < 3 {
					return fault
				}
			}
			return outputtest.StoreWorks
		})
		sum, err := replay.FromArchive(
			t.Context(), store, "_dead/", replay.Options{To: d, Log: f.env.Log, Dir: t.TempDir()},
		)
		if err != nil || sum.Records != 3 || sum.Damaged != 1 || len(sum.Skipped) > 0 {
			t.Errorf("fault %v: %+v %v", fault, sum, err)
		}
		if store.Bytes("_dead/.penstock/damaged/a/2") == nil || store.Bytes("_dead/a/1") != nil {
			t.Errorf("left: %q", store.Keys(""))
		}
	}
}

// An object that does not hold what its metadata or its name says is kept aside, with what is wrong
// with it; what it does hold is delivered.
func TestObjectThatIsNotWhatItSaysIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		lostHost(t, r)
		keys := r.waiting()[:6]
		dec, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		lines := func(key string) [][]byte {
			text, err := dec.DecodeAll(r.store.Bytes(key), nil)
			if err != nil {
				t.Fatal(err)
			}
			return bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		}
		pack := func(lines [][]byte) []byte {
			enc, _ := zstd.NewWriter(nil)
			defer enc.Close()
			return enc.EncodeAll(bytes.Join(lines, nil), nil)
		}
		meta := r.store.Metadata
		// One line less; another line in the place of one; nothing; the lines of another object; a
		// last line without its end.
		l := lines(keys[0])
		r.store.SetWith(keys[0], pack(l[:len(l)-1]), meta(keys[0]))
		l = lines(keys[1])
		l[1] = l[0]
		r.store.SetWith(keys[1], pack(l), meta(keys[1]))
		r.store.Set(keys[2], nil)
		r.store.Set(keys[3], pack(lines(keys[4])))
		l = lines(keys[4])
		l[len(l)-1] = l[len(l)-1][:5]
		r.store.Set(keys[4], pack(l))
		// This one is as good as it was: only its metadata is gone.
		r.store.Set(keys[5], r.store.Bytes(keys[5]))

		f := newFixture(t, "output.test.a")
		d, err := drain.NewOutput(
			r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
		)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		sum, err := replay.FromStore(
			t.Context(), r.store, replay.Prefix("overflow", "web-1"),
			replay.Options{To: d, Log: f.env.Log, Dir: t.TempDir()},
		)
		if err != nil || sum.Damaged != 5 {
			t.Fatalf("%+v %v\n%s", sum, err, f.logs)
		}
		kept := r.store.Keys(base + "damaged/")
		if len(kept) != 5 || len(r.store.Keys("")) != 5 {
			t.Fatalf("kept %q of %q", kept, r.store.Keys(""))
		}
		for _, want := range []string{"lines were read", "have the digest", "cut short", "it holds nothing", "its name says"} {
			if !strings.Contains(f.logs.String(), want) {
				t.Errorf("no word of %q:\n%s", want, f.logs)
			}
		}
	})
}
