package protocol

import (
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Whatever crashes, comes late, is lost or is taken over: each record is in exactly one visible
// object.
func TestSimulation(t *testing.T) {
	seed := runtest.Seed(t)
	began := time.Now()
	total, steps := 0, 50_000
	stats := map[string]int{}
	for total < 5_000_000 {
		w := newWorld(seed+uint64(total), sound)
		if err := w.run(steps); err != nil {
			t.Fatalf("world seed %d: %v", seed+uint64(total), err)
		}
		for k, v := range w.stats {
			stats[k] += v
		}
		total += w.step
	}
	t.Logf("%d steps in %v: %v", total, time.Since(began).Round(time.Millisecond), stats)
	for _, k := range []string{"crashes", "zombies", "redos", "redos with records gone", "answers lost", "requests lost", "timeouts",
		"puts lost", "late puts", "overwritten", "kept", "fenced", "retention", "lives"} {
		if stats[k] < 20 {
			t.Errorf("%s: only %d times: the simulation does not reach it", k, stats[k])
		}
	}
	if stats["committed cuts"] < total/200 {
		t.Errorf("only %d cuts were committed", stats["committed cuts"])
	}
}

// A protocol broken on purpose must be found, or the simulation proves nothing.
func TestSimulationFindsBrokenProtocols(t *testing.T) {
	seed := runtest.Seed(t)
	for m := sound + 1; m < mutations; m++ {
		t.Run(m.String(), func(t *testing.T) {
			for i := range uint64(40) {
				w := newWorld(seed+i, m)
				if err := w.run(50_000); err != nil {
					t.Logf("found by world %d: %v", i, err)
					return
				}
			}
			t.Fatalf("2,000,000 steps of %q and nothing found", m)
		})
	}
}
