package buffer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// small returns options under which segments roll often.
func small(t testing.TB) Options {
	opt := DefaultOptions()
	opt.MaxSize = 0
	opt.SegmentSize = 1 << 20
	opt.MinFree = 0
	opt.FlushBytes = 64 << 10
	opt.FlushInterval = time.Millisecond
	opt.Sync = false
	opt.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	return opt
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}

func open(t testing.TB, dir string, opt Options) *Buffer {
	t.Helper()
	b, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func cursor(t testing.TB, b *Buffer, name string) *Cursor {
	t.Helper()
	c, err := b.Cursor(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// batchOf makes a batch of n records whose values are "<from>", "<from+1>"..., each followed by
// incompressible padding.
func batchOf(from, n, pad int) *record.Batch {
	var bb record.Builder
	bb.Reset("app.test", "/var/log/test", n*(pad+16))
	rng := rand.New(rand.NewPCG(uint64(from), 1))
	for i := range n {
		v := fmt.Appendf(nil, "%d ", from+i)
		for range pad {
			v = append(v, byte(rng.Uint32()))
		}
		bb.Append(1_700_000_000_000_000_000+int64(from+i)*1000, nil, v, nil)
	}
	return bb.Build()
}

// number returns what batchOf has put into a record.
func number(r *record.Record) (n int) {
	_, _ = fmt.Sscanf(string(r.Value[:min(len(r.Value), 20)]), "%d ", &n)
	return n
}

func appendWait(t testing.TB, b *Buffer, batch *record.Batch, positions ...record.Position) {
	t.Helper()
	errc := make(chan error, 1)
	if err := b.Append(
		t.Context(), "in", batch, positions, func(err error) { errc <- err },
	); err != nil {
		t.Fatal(err)
	}
	if err := <-errc; err != nil {
		t.Fatal(err)
	}
}

// appendSome appends batch i and waits for each twentieth: a group is as large as the machine is
// slow, and a segment is at least one.
func appendSome(t testing.TB, b *Buffer, i int, batch *record.Batch) {
	t.Helper()
	if i%20 == 0 {
		appendWait(t, b, batch)
	} else if err := b.Append(t.Context(), "in", batch, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// next reads a batch that must be there.
func next(t testing.TB, c *Cursor) *record.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b, err := c.Next(ctx)
	if err != nil {
		t.Fatalf("Next at %d of %d: %v", c.pos, c.End(), err)
	}
	return b
}

// numbers returns the numbers of a batch's records.
func numbers(t testing.TB, b *record.Batch) (out []int) {
	t.Helper()
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	for r := range seq {
		out = append(out, number(r))
	}
	return out
}

// readTo reads records up to position end and returns their numbers.
func readTo(t testing.TB, c *Cursor, end int64) (out []int) {
	t.Helper()
	for c.pos < end {
		out = append(out, numbers(t, next(t, c))...)
	}
	return out
}

func wantRun(t testing.TB, got []int, from, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d records, want %d", len(got), n)
	}
	for i, v := range got {
		if v != from+i {
			t.Fatalf("record %d is %d, want %d", i, v, from+i)
		}
	}
}

func commit(t testing.TB, c *Cursor, pos int64) {
	t.Helper()
	if err := c.Commit(t.Context(), pos, ""); err != nil {
		t.Fatal(err)
	}
}

func segmentDirs(t testing.TB, dir string) (sealed, heads []string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range names {
		switch {
		case len(d.Name()) == 20:
			sealed = append(sealed, filepath.Join(dir, d.Name()))
		case len(d.Name()) > 5 && d.Name()[:5] == "head-":
			heads = append(heads, filepath.Join(dir, d.Name()))
		}
	}
	return sealed, heads
}

func metricValue(t testing.TB, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += value(m)
			}
			return sum
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return float64(m.Histogram.GetSampleCount())
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := copySparse(from, to); err != nil {
		t.Fatal(err)
	}
}
