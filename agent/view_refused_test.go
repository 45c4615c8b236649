package agent

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// What filters refuse is in the dead letter before its position is passed. Where that takes longer
// than the reader waits, as a mover's does for the age of an object, the batch comes again, and
// nothing behind it comes before.
func TestViewKeepsABatchUntilWhatIsRefusedIsADeadLetter(t *testing.T) {
	t.Parallel()
	parse, err := filter.NewParse(filter.ParseConfig{Format: "json", OnFailure: "dead_letter"},
		filter.Env{Name: "filter.parse.p", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	log := newMemLog(testBatch(0, "a", `{"n":1}`, "text"), testBatch(2, "a", `{"n":2}`))
	close(log.batches)
	full := true
	var refused []string
	keep := func(_ context.Context, b *record.Batch, _ string) error {
		if full {
			return context.DeadlineExceeded
		}
		refused = append(refused, describe(t, b))
		return nil
	}
	v := &view{Log: log, name: "n", chain: filter.Chain{parse}, deadLetter: keep}
	for range 2 {
		if b, err := v.Next(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v %v", b, err)
		}
	}
	full = false
	for _, want := range []string{`[0,2) 0={"n":1}`, `[2,3) 2={"n":2}`} {
		b, err := v.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(t, b); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := v.Next(t.Context()); err != io.EOF {
		t.Error(err)
	}
	if len(refused) != 1 || refused[0] != "[1,2) 1=text" {
		t.Errorf("in the dead letter: %q", refused)
	}
}
