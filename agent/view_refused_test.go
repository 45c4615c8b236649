package agent

import (
	"context"
	"errors"
	"fmt"
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

// A reader that keeps what filters refuse gets it from where it said on, also where a batch has
// nothing else; what lies before is in the dead letter.
func TestViewGivesWhatIsRefusedToAReaderThatKeepsIt(t *testing.T) {
	t.Parallel()
	parse, err := filter.NewParse(filter.ParseConfig{Format: "json", OnFailure: "dead_letter"},
		filter.Env{Name: "filter.parse.p", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	log := newMemLog(
		testBatch(0, "a", "zero", `{"n":1}`, "two", "three", `{"n":4}`), testBatch(5, "a", "five"),
	)
	close(log.batches)
	var refused []string
	keep := func(_ context.Context, b *record.Batch, _ string) error {
		refused = append(refused, describe(t, b))
		return nil
	}
	v := &view{Log: log, name: "n", chain: filter.Chain{parse}, deadLetter: keep}
	if r, ok := record.As[record.Refuser](record.Log(v)); !ok || !r.KeepRefused(3) {
		t.Fatal("a view with filters may refuse records")
	}
	for _, want := range []string{
		`[0,5) 1={"n":1} 4={"n":4} refused 3=three`, `[5,6)  refused 5=five`,
	} {
		b, err := v.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := describe(t, b)
		for _, r := range b.Refused {
			got += fmt.Sprintf(" refused %d=%s", r.Record.Offset, r.Record.Value)
			if r.Reason != "filter.parse.p: not parsed: not_json" {
				t.Error(r.Reason)
			}
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if len(refused) != 1 || refused[0] != "[0,3) 0=zero 2=two" {
		t.Errorf("in the dead letter: %q", refused)
	}
	if (&view{Log: log}).KeepRefused(0) {
		t.Error("a view without filters refuses nothing")
	}
}
