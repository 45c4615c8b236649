package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// One log of many that cannot be gone on with is told, on the page and in /readyz: the output goes
// on with the others, but what is in that one is not delivered.
func TestALogThatFailsIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.logs["good"] = newMemLog(testBatch(0, "t", "1"))
	w.logs["bad"] = newMemLog()
	w.logs["bad"].broken.Store(true)
	r := startAgent(t, w, t.TempDir(), `
input "log" "k" {}
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.log.k]
  to   = [output.fake.x]
}`)
	w.await(t, "the other log", w.has("x", 1))
	runtest.Until(t, "it is told", func() bool {
		ready, status := get(t, r, "/readyz"), get(t, r, "/api/status")
		return strings.Contains(ready, "failed: output.fake.x cannot go on with 1 log") &&
			strings.Contains(ready, "the log is broken") &&
			strings.Contains(status, `"kind": "failed"`)
	})
}

func TestBrokenLogs(t *testing.T) {
	t.Parallel()
	var s brokenLogs
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(d) }
	check := func(when, since time.Duration, want ...string) {
		t.Helper()
		got, from := s.errors(at(when))
		equal(t, "errors", got, want...)
		if len(want) > 0 && !from.Equal(at(since)) {
			t.Errorf("since %v, want %v", from.Sub(now), since)
		}
	}
	s.started("a", now)
	check(0, 0)
	s.failed("a", "one", at(1*time.Second))
	check(100*time.Second, time.Second, "one") // waits
	s.started("a", at(100*time.Second))
	check(101*time.Second, time.Second, "one") // who knows
	s.failed("a", "two", at(102*time.Second))
	s.failed("b", "three", at(103*time.Second))
	check(104*time.Second, time.Second, "three", "two")
	s.started("a", at(110*time.Second))
	check(130*time.Second, 103*time.Second, "three")
	s.failed("a", "four", at(140*time.Second))
	s.forget("b")
	check(141*time.Second, 140*time.Second, "four")
}
