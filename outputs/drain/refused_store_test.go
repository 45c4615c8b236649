package drain_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
)

// createOnly makes the rig's store refuse to overwrite, and lose the answer to each key's first
// put. What is refused in IfAbsent's place looks the same.
func (r *rig) createOnly() {
	var seen sync.Map
	r.store.SetFault(func(op, key string) outputtest.StoreFault {
		if op != "put" || !strings.HasSuffix(key, ".ndjson.zst") {
			return outputtest.StoreWorks
		}
		if r.store.Bytes(key) != nil {
			return outputtest.StoreRefuses
		}
		if _, again := seen.LoadOrStore(key, true); !again {
			return outputtest.StoreTimeout
		}
		return outputtest.StoreWorks
	})
}

// The overflow's store may create and not overwrite, and every first answer is lost: moving,
// keeping what was replayed and putting aside what is damaged find what an earlier attempt stored.
func TestOverflowStoreThatRefusesToOverwrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.c.Failover.AfterReplay = "keep"
		r.createOnly()
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		waiting := r.waiting()
		if len(waiting) < 5 {
			t.Fatalf("%d objects wait", len(waiting))
		}
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		if stuck := r.d.Stuck(); len(stuck) > 0 || r.state() != overflow.StateDirect {
			t.Fatalf("state %s, stuck: %q", r.state(), stuck)
		}
		r.finish()
		if n := checkDelivered(t, r.g.sent, r.dest.Received(), r.dead.all(), true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
		if kept := r.store.Keys(
			base + "replayed/",
		); len(kept) < len(waiting) ||
			len(r.store.Keys("")) != len(kept) {
			t.Fatalf("%d kept of %d; in the store: %q", len(kept), len(waiting), r.store.Keys(""))
		}
	})
}

// Where replayed objects are kept another object has the name: the overflow says so and waits,
// nothing is sent twice, and it goes on once the name is free.
func TestOverflowCannotKeepWhatItReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.c.Failover.AfterReplay = "keep"
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		taken := base + "replayed/" + strings.TrimPrefix(r.waiting()[0], base)
		r.store.Set(taken, []byte("something else"))
		r.createOnly()
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		stuck := strings.Join(r.d.Stuck(), "\n")
		for _, want := range []string{taken, "14 bytes", "refuses to overwrite"} {
			if !strings.Contains(stuck, want) {
				t.Errorf("no word of %q in %q", want, stuck)
			}
		}
		if n := r.f.metric(t, "penstock_overflow_stuck_logs"); n != 1 {
			t.Errorf("the metric says %v logs", n)
		}
		if !strings.Contains(r.f.logs.String(), "look at what is there") {
			t.Errorf("the log does not say what to do:\n%s", r.f.logs)
		}
		if err := r.store.Delete(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		r.feed(2 * time.Minute)
		if stuck := r.d.Stuck(); len(stuck) > 0 {
			t.Errorf("stuck still: %q", stuck)
		}
		r.finish()
		if n := checkDelivered(t, r.g.sent, r.dest.Received(), r.dead.all(), true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// The answer to a put is lost, and to the question what is there the store gives nothing at first.
// The object is ours all the same, and is not stored a second time under another name.
func TestMovedObjectIsNotMistakenForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var puts, gets sync.Map
		r.store.SetFault(func(op, key string) outputtest.StoreFault {
			if !strings.HasSuffix(key, ".ndjson.zst") {
				return outputtest.StoreWorks
			}
			first := func(m *sync.Map) bool { _, again := m.LoadOrStore(key, true); return !again }
			switch {
			case op == "put" && first(&puts):
				return outputtest.StoreTimeout
			case op == "get" && first(&gets):
				return outputtest.StoreEmpty
			}
			return outputtest.StoreWorks
		})
		r.start()
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}
