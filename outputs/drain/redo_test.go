package drain_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/outputs/outputtest"
)

// The agent ends when an object is stored and that is not noted. Meanwhile retention takes records
// that are in it, some or all: what is stored is the cut, and nothing is stored beside it.
func TestAStoredCutThatWouldComeOutOtherwise(t *testing.T) {
	for name, all := range map[string]bool{"some of it is gone": false, "it is gone": true} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, async bool) {
				r := newRig(t, async)
				r.start()
				r.feed(5 * time.Second)
				r.dest.SetDown(true)
				var puts atomic.Int32
				r.store.SetFault(func(op, key string) outputtest.StoreFault {
					switch {
					case op == "put" && strings.HasSuffix(key, ".ndjson.zst"):
						puts.Add(1)
						return outputtest.StoreTimeout
					case puts.Load() > 0:
						return outputtest.StoreFails
					}
					return outputtest.StoreWorks
				})
				for puts.Load() == 0 {
					r.feed(time.Second)
				}
				r.stop()
				r.store.SetFault(nil)
				stored := r.waiting()
				if len(stored) != 1 {
					t.Fatalf("%q", stored)
				}
				pos, note := r.log.Committed()
				if !strings.Contains(note, "intent") {
					t.Fatalf("at %d %q", pos, note)
				}
				var first, end int64
				if _, err := fmt.Sscanf(stored[0][len(base):], "%d-%d", &first, &end); err != nil {
					t.Fatal(err)
				}
				if r.log.Trim(pos + 3); all {
					r.log.Trim(end)
				}
				r.start()
				time.Sleep(time.Minute)
				for _, key := range r.waiting() {
					if key != stored[0] &&
						strings.HasPrefix(key, strings.TrimSuffix(stored[0], ".ndjson.zst")) {
						t.Errorf("%s is beside %s", key, stored[0])
					}
				}
				r.dest.SetDown(false)
				time.Sleep(2 * time.Minute)
				r.finish()
				if n := r.check(false); n > 0 {
					t.Errorf("%d repeats", n)
				}
			})
		})
	}
}
