package filter

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// faulty panics on records and batches that say so.
type faulty struct{ base }

func (f *faulty) BatchVerdict(b *record.Batch) Verdict {
	if b.Tag == "bad" {
		panic("of the batch")
	}
	return PerRecord
}

func (f *faulty) Edit(v *View) Verdict {
	if strings.HasPrefix(string(v.Record().Value), "bad") {
		var none []int
		_ = none[len(v.Record().Value)]
	}
	return Kept
}

// A filter that panics costs the record that it panics on, which is refused, and no other.
func TestAPanicRefusesItsRecord(t *testing.T) {
	t.Parallel()
	var log runtest.LogBuffer
	env := Env{
		Name: "filter.faulty.f", Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	f := &faulty{newBase(env)}
	for _, tag := range []string{"good", "bad"} {
		var recs []record.Record
		for i, value := range []string{"1", "bad", "2", "bad too", "3"} {
			recs = append(recs, record.Record{Offset: int64(i), Value: []byte(value)})
		}
		b := record.FromRecords(tag, "o", recs)
		out := Chain{f, f}.Apply(b)
		var kept []string
		records, err := out.Batch.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range records {
			kept = append(kept, string(r.Value))
		}
		if fmt.Sprint(kept) != "[1 2 3]" || len(out.Refused) != 2 ||
			string(out.Refused[0].Record.Value) != "bad" ||
			!strings.HasPrefix(out.Refused[1].Reason, "filter.faulty.f: panicked: runtime error: index") {
			t.Errorf("%s: kept %q, refused %+v", tag, kept, out.Refused)
		}
	}
	if n := testutil.ToFloat64(f.m.panics.count); n != 4 {
		t.Errorf("%v panics are counted", n)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d log lines\n%s", n, log.String())
	}
}
