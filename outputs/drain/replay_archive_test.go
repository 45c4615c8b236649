package drain_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/replay"
)

// topicsWriter notes what was written, as "topic tag origin: value".
type topicsWriter struct {
	mu    sync.Mutex
	lines []string
}

func (w *topicsWriter) Write(_ context.Context, b *record.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	recs, err := b.Records()
	if err != nil {
		return err
	}
	for r := range recs {
		w.lines = append(
			w.lines,
			fmt.Sprintf(
				"%s %s %s: %s %s %s", b.Topic, b.Tag, b.Origin, r.Key, r.Value,
				r.When().Format("15:04:05"),
			),
		)
	}
	return nil
}

func (*topicsWriter) Close() error { return nil }

const (
	deadLetterA1 = `{"topic":"a","partition":1,"offset":7,"time":"2026-01-02T03:04:05Z","tag":"a","key":"k","value_text":"no JSON","reason":"not valid JSON"}` + "\n"
	deadLetterA2 = `{"topic":"a","partition":2,"offset":9,"time":"2026-01-02T03:04:06Z","tag":"a","value_base64":"/w==","reason":"not valid JSON"}` + "\n"
	deadLetterB  = `{"tag":"app.web","offset":3,"time":"2026-01-02T03:04:07Z","value_text":"line","reason":"no time"}` + "\n"
)

// The store fails now and then; what is replayed goes back to its topic, once, and is aside
// afterwards, whether it is to be kept or not.
func TestReplayArchive(t *testing.T) {
	for _, keep := range []bool{false, true} {
		store, w, f := outputtest.NewMemStore(), &topicsWriter{}, newFixture(t, "output.test.a")
		d, err := drain.NewOutput(w, quick(), f.env, drain.Targets{DeadLetter: &memDead{}})
		if err != nil {
			t.Fatal(err)
		}
		store.Set("_dead/a/a-1_0-9.ndjson", []byte(deadLetterA1+deadLetterA2))
		store.Set("_dead/app/x_0-3.ndjson", []byte(deadLetterB))
		store.Set("_dead/app/y_0-3.ndjson", []byte(`{"n":1}`+"\n"))
		store.Set("_dead/app/z_0-3.ndjson", []byte(deadLetterB+"\x28\xb5\x2f\xfd"))
		store.Set("_dead/app/empty", nil)
		store.Set("_dead/app/cut.ndjson.gz", []byte("\x1f\x8b\x08\x00"))
		store.Set("_deadly/a.ndjson", []byte(deadLetterB))
		n := 0
		store.SetFault(func(_, _ string) outputtest.StoreFault {
			if n++; n%3 == 0 {
				return []outputtest.StoreFault{outputtest.StoreFails, outputtest.StoreTimeout, outputtest.StoreCut}[n/3%3]
			}
			return outputtest.StoreWorks
		})
		opts := replay.Options{To: d, Log: f.env.Log, Keep: keep, Dir: t.TempDir()}
		sum, err := replay.FromArchive(t.Context(), store, "_dead/", opts)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"a a a/1: k no JSON 03:04:05",
			"a a a/2:  \xff 03:04:06",
			" app.web penstock replay:  line 03:04:07",
			" app.web penstock replay:  line 03:04:07",
		}
		slices.Sort(w.lines)
		slices.Sort(want)
		if !slices.Equal(w.lines, want) || sum.Records != 4 || sum.Damaged != 1 ||
			len(sum.Skipped) != 3 ||
			!strings.Contains(strings.Join(sum.Skipped, " "), "_dead/app/y_0-3.ndjson: this is no dead letter") {
			t.Errorf("written %q, skipped %q", w.lines, sum.Skipped)
		}
		var left []string
		for _, key := range store.Keys("") {
			if !strings.Contains(key, "/lease/") {
				left = append(left, key)
			}
		}
		still := []string{
			"_dead/.penstock/damaged/app/z_0-3.ndjson",
			"_dead/.penstock/replayed/a/a-1_0-9.ndjson",
			"_dead/.penstock/replayed/app/x_0-3.ndjson",
			"_dead/app/cut.ndjson.gz",
			"_dead/app/empty",
			"_dead/app/y_0-3.ndjson",
			"_deadly/a.ndjson",
		}
		if !slices.Equal(left, still) {
			t.Errorf("keep %v: %q is left, want %q", keep, left, still)
		}
	}
}

// The path of dead letters can begin in the middle of a name, beside other objects.
func TestReplayArchiveByTheBeginningOfNames(t *testing.T) {
	store, w, f := outputtest.NewMemStore(), &topicsWriter{}, newFixture(t, "output.test.a")
	d, err := drain.NewOutput(w, quick(), f.env, drain.Targets{DeadLetter: &memDead{}})
	if err != nil {
		t.Fatal(err)
	}
	store.Set("lake/dead-a/1", []byte(deadLetterA1))
	store.Set("lake/a/1", []byte(deadLetterB))
	sum, err := replay.FromArchive(
		t.Context(), store, "lake/dead-",
		replay.Options{To: d, Log: f.env.Log, Keep: true, Dir: t.TempDir()},
	)
	if err != nil || sum.Records != 1 || len(sum.Skipped) > 0 {
		t.Fatalf("%+v %v", sum, err)
	}
	for _, key := range []string{"lake/a/1", "lake/.penstock/replayed/dead-a/1"} {
		if store.Bytes(key) == nil {
			t.Errorf("no %s in %q", key, store.Keys(""))
		}
	}
}
