package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// TestOverflowWhileTheStoreClosesConnections is an outage of Kafka, followed by one of the store.
// It closes the connection of every GET, later of every LIST, PUT and DELETE: before, in or after
// the answer. It does so until the agent has asked a number of times, and the agent is killed in
// the midst of it. No line is lost.
func TestOverflowWhileTheStoreClosesConnections(t *testing.T) {
	parallel(t)
	for _, kind := range []string{"s3", "gcs"} {
		t.Run(kind, func(t *testing.T) {
			rng := runtest.Rand(t)
			var store *overflow
			if kind == "s3" {
				s3 := newFaultyS3(t, rng, "overflow")
				store = s3Overflow(s3.URL, "key", "secret", s3.fail, s3.largestOverflow)
				store.faults = s3.faults
			} else {
				store = gcsOverflow(t, rng)
			}
			closeConnections(t, rng, store)
		})
	}
}

func closeConnections(t *testing.T, rng *rand.Rand, store *overflow) {
	config := fmt.Sprintf(
		edgeConfig, "DIR", "BROKER", store.kind, store.block+"\n  max_attempts = 1",
	)
	config = replaceAll(config, `object_age  = "1s"`, `object_age  = "100ms"`, `"64KiB"`, `"1KiB"`)
	// What is asked again is asked soon.
	config = strings.Replace(
		config, "  failover {",
		"  retry {\n    min = \"10ms\"\n    max = \"100ms\"\n  }\n  failover {", 1,
	)
	r := newRig(t, config)
	r.agent.start()
	r.write(500)
	r.arrives(20 * time.Second)
	spells := []spell{
		{"GET", "hang up"}, {"DELETE", "lose the answer"}, {"GET", "half"},
		{"GET", "lose the answer"}, {"LIST", "half"}, {"GET", "silent half"},
		{"GET", "403"}, {"DELETE", "hang up"}, {"LIST", "hang up"},
	}
	rounds := 1
	if runtest.Long() {
		rounds = 6
	}
	for round := range rounds {
		put := spell{
			"PUT",
			[]string{"lose the answer", "done, 403", "hang up", "done, 412"}[rng.IntN(4)],
		}
		store.faults.cast(put.verb, put.kind)
		r.must(r.broker.Stop())
		// writing until the store has been asked so often, or holds so much
		writing := func(enough func() bool, what string) {
			t.Helper()
			runtest.Within(
				t, 30*time.Second, func() bool { r.write(100); return enough() },
				func() string { return what },
			)
		}
		writing(
			func() bool { return store.faults.count(put.verb, put.kind) >= 3 },
			"nothing goes to the overflow",
		)
		store.faults.lift()
		writing(func() bool {
			n, err := r.agent.metric("penstock_overflow_objects")
			return err == nil && n >= 30
		}, "little goes to the overflow")
		r.agent.kill() // what it had in flight when the outage began would arrive all the same
		r.agent.start()
		first := round * 3 % len(spells)
		for i, s := range append(spells[first:first+3:first+3], spells[rng.IntN(len(spells))]) {
			store.faults.cast(s.verb, s.kind)
			if i == 0 {
				r.must(r.broker.Start())
			}
			before, since := store.faults.count(s.verb, s.kind), time.Now()
			runtest.Within(t, 30*time.Second, func() bool {
				// A replay that has come to its end asks no more.
				return store.faults.count(s.verb, s.kind) >= before+8 ||
					i > 0 && time.Since(since) > 2*time.Second
			}, func() string { return fmt.Sprintf("the store is not asked: %v", s) })
			if rng.IntN(2) == 0 {
				r.agent.kill()
				r.agent.start()
			}
		}
		store.faults.lift()
		want := map[string]int64{"a": r.app.Written()}
		runtest.Within(
			t,
			time.Minute,
			func() bool { return r.ledger.Distinct() >= r.app.Written() || !r.agent.running() },
			func() string {
				return fmt.Sprintf(
					"%d of %d lines arrived: %v", r.ledger.Distinct(), r.app.Written(),
					r.ledger.Check(want).Notes,
				)
			},
		)
		b := r.ledger.Check(want)
		t.Logf("round %d: %d lines, %d lost, %d repeated", round+1, b.Written, b.Lost, b.Duplicated)
		if b.Lost != 0 || r.ledger.Strange() != 0 {
			t.Fatalf("%+v", b)
		}
		checkOrder(t, r.ledger, []*demo.App{r.app})
	}
	if n := store.faults.count("GET", "hang up"); n == 0 {
		t.Error("no GET was closed: the test shows nothing")
	}
}
