package main

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
)

// Each state is shown whole on a terminal of 80 columns, beside all of the figures.
func TestTopShowsStatesWhole(t *testing.T) {
	now := state.PipelineState{Name: "p"}
	for _, kind := range state.InputKinds {
		now.Inputs = append(now.Inputs, state.InputState{ID: "input.tail." + strings.Repeat("x", 40), Kind: kind})
	}
	for _, kind := range state.OutputKinds {
		now.Outputs = append(now.Outputs, state.OutputState{ID: "output.kafka.x", Kind: kind, Waiting: 123456})
	}
	page := strings.Join((&top{plain: true}).page(
		admin.Status{Pipelines: []admin.Pipeline{{Name: "p", Now: now}}}, time.Now(),
	), "\n")
	for _, kind := range append(state.InputKinds, state.OutputKinds...) {
		if !strings.Contains(page, " "+state.Words(kind)+" ") {
			t.Errorf("%s is not told", kind)
		}
	}
	for line := range strings.Lines(page) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
