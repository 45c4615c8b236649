package drain_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/spool"
)

// asked makes the rig's store answer with a fault to the question whether it would take an object,
// and returns what changes that, and for which keys it was asked since the last change.
func (r *rig) asked(fault outputtest.StoreFault) (change func(outputtest.StoreFault) []string) {
	var mu sync.Mutex
	var keys []string
	r.store.SetFault(func(op, key string) outputtest.StoreFault {
		mu.Lock()
		defer mu.Unlock()
		if op != "try" {
			return outputtest.StoreWorks
		}
		keys = append(keys, key)
		return fault
	})
	return func(to outputtest.StoreFault) []string {
		mu.Lock()
		defer mu.Unlock()
		was := keys
		fault, keys = to, nil
		return was
	}
}

// A store that may be listed and not written to is told before the outage for which it is there,
// and until it is well; nothing is stuck for it.
func TestOverflowStoreIsAskedBeforeItIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		change := r.asked(outputtest.StoreRefuses)
		r.start()
		r.feed(time.Minute)
		l := r.d.Status().Logs[0]
		if !strings.Contains(l.StoreError, "403") || l.StoreDo == "" || l.StoreSince.IsZero() ||
			l.State != overflow.StateDirect || len(r.d.Stuck()) > 0 {
			t.Errorf("%+v, stuck: %q", l, r.d.Stuck())
		}
		if n := r.f.metric(t, "penstock_overflow_stuck_logs"); n != 1 {
			t.Errorf("the metric says %v logs", n)
		}
		if key := change(outputtest.StoreWorks)[0]; !strings.HasPrefix(key, base) {
			t.Errorf("asked for %s", key)
		}
		r.feed(time.Minute)
		if l := r.d.Status().Logs[0]; l.StoreError != "" {
			t.Errorf("mended: %+v", l)
		}
		change(outputtest.StoreWorks)
		time.Sleep(time.Hour)
		if n := len(change(outputtest.StoreFails)); n < 4 || n > 8 {
			t.Errorf("asked %d times in an hour", n)
		}
		time.Sleep(2 * spool.TryEvery)
		if l := r.d.Status().Logs[0]; l.StoreError == "" {
			t.Errorf("later: %+v", l)
		}
		r.finish()
		r.check(true)
	})
}

// While the overflow is in use its store is not asked: it is the objects that tell.
func TestOverflowStoreIsNotAskedWhileInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		change := r.asked(outputtest.StoreFails)
		r.start()
		r.feed(time.Minute)
		r.dest.SetDown(true)
		r.feed(2 * time.Minute)
		change(outputtest.StoreFails)
		time.Sleep(time.Hour)
		if l := r.d.Status().Logs[0]; l.State != overflow.StateOverflow || l.StoreError != "" {
			t.Errorf("%+v", l)
		}
		if n := len(change(outputtest.StoreWorks)); n > 0 {
			t.Errorf("asked %d times", n)
		}
		r.dest.SetDown(false)
		r.feed(2 * time.Minute)
		if l := r.d.Status().Logs[0]; l.State != overflow.StateDirect || l.StoreError != "" {
			t.Errorf("%+v", l)
		}
		r.finish()
		r.check(true)
	})
}
