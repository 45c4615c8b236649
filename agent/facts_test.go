package agent

import (
	"math"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
)

// A buffer does not fill up by what an archive collects, if there is room for all of it; it does by
// what an output does not deliver.
func TestWhatIsCollectedFillsNoBuffer(t *testing.T) {
	archive := state.Output{Waiting: 1, Oldest: time.Minute, Collects: time.Hour}
	late := archive
	late.Oldest = 2 * time.Hour
	bySize := archive
	bySize.Collects = math.MaxInt64
	for _, c := range []struct {
		name    string
		room    int64
		want    float64
		outputs []state.Output
	}{
		{"room for the hour", 1 << 20, 0, []state.Output{archive}},
		{"no room for the hour", 1 << 18, 100, []state.Output{archive}},
		{"late", 1 << 20, 100, []state.Output{late}},
		{"no end is known", 1 << 38, 100, []state.Output{bySize}},
		{"a slow one beside it", 1 << 20, 60, []state.Output{archive, {Out: 4}}},
		{"delivers", 1 << 20, 0, []state.Output{{Out: 10}}},
		{"took something until just now", 1 << 20, 100, []state.Output{{Out: 8, Stalled: 5 * time.Second}}},
		{"paused just now", 1 << 20, 100, []state.Output{{Out: 8, PausedSince: time.Unix(1, 0)}}},
		{"moves to the overflow", 1 << 20, 20, []state.Output{{Out: 8, Mode: "overflow", Stalled: time.Hour}}},
	} {
		f := state.Pipeline{Buffer: &state.Buffer{Room: c.room}, Outputs: c.outputs}
		if got := grows(f, 10, 10); got != c.want {
			t.Errorf("%s: %v bytes a second, want %v", c.name, got, c.want)
		}
	}
}

// A problem of which nobody tells since when it is, is one since it was first seen, until it is
// over.
func TestAProblemSaysSinceWhen(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	var seen map[string]time.Time
	look := func(after time.Duration, files int) []state.Problem {
		p := state.Pipeline{
			Name: "app", Inputs: []state.Input{{ID: "input.tail.x", Unit: "running", OfFiles: true, Files: files}},
		}
		all := []state.PipelineState{p.State(start.Add(after))}
		seen = sinceWhen(seen, all, start.Add(after))
		return all[0].Problems
	}
	look(0, 0)
	if p := look(time.Minute, 0); len(p) != 1 || !p[0].Since.Equal(start) {
		t.Errorf("%+v", p)
	}
	look(2*time.Minute, 1)
	if p := look(time.Hour, 0); len(p) != 1 || !p[0].Since.Equal(start.Add(time.Hour)) {
		t.Errorf("once more: %+v", p)
	}
}
