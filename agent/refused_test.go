package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// What a filter refuses is in the dead letter of the output, with its origin and the reason, and
// the rest goes on.
func TestWhatFiltersRefuseIsInTheDeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  filter "parse" {
    format     = "json"
    types      = { n = "int" }
    on_failure = "dead_letter"
  }
  to = [output.fake.x]
}`)
	w.send(t, "a", "t", `{"n":"1"}`, "text one", `{"n":2}`)
	w.send(t, "a", "u", "text two")
	w.await(t, "x", func() bool { return len(w.got["x"]) == 2 })
	equal(t, "x", w.delivered("x"), `t/{"n":1}`, `t/{"n":2}`)
	runtest.Until(
		t, "all to be committed",
		func() bool { return *r.Status().Pipelines[0].Outputs[0].Lag == 0 },
	)
	files, err := filepath.Glob(filepath.Join(dir, "dead-letter", "output.fake.x", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dead letter: %v", err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, want := range []string{`"text one"`, `"text two"`, "filter.parse.p.1: not parsed: not_json", `"tag":"u"`} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the dead letter lacks %s:\n%s", want, all.String())
		}
	}
	if m := get(t, r, "/metrics"); !strings.Contains(
		m, `penstock_output_dead_letter_records_total{component="output.fake.x"} 2`,
	) {
		t.Errorf("the output's dead letters do not count what filters refuse:\n%s", m)
	}
}

// A batch whose refused records cannot be kept now comes again: it is neither passed nor half
// delivered.
func TestABatchWaitsForItsBurial(t *testing.T) {
	t.Parallel()
	f, err := filter.NewParse(
		filter.ParseConfig{Format: "json", OnFailure: "dead_letter"},
		filter.Env{Name: "f", Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	fails, kept, seen := 2, 0, 0
	full := errors.New("no room")
	v := &view{
		Log:    newMemLog(testBatch(0, "t", `{"a":1}`, "bad"), testBatch(2, "t", `{"b":1}`)),
		name:   "n",
		chain:  filter.Chain{f},
		onRead: func(*record.Batch) { seen++ },
		deadLetter: func(_ context.Context, b *record.Batch, _ string) error {
			if fails--; fails >= 0 {
				return full
			}
			kept += b.Len()
			return nil
		},
	}
	for range 2 {
		if _, err := v.Next(t.Context()); !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`[0,2) 0={"a":1}`, `[2,3) 2={"b":1}`} {
		b, err := v.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(t, b); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if kept != 1 || seen != 2 {
		t.Errorf("%d kept, %d batches seen", kept, seen)
	}
}
