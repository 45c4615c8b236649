package drain_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

type fixture struct {
	env  outputs.Env
	reg  *prometheus.Registry
	logs *runtest.LogBuffer
}

func newFixture(t testing.TB, name string) *fixture {
	f := &fixture{reg: prometheus.NewRegistry(), logs: &runtest.LogBuffer{}}
	w := io.MultiWriter(f.logs, runtest.Log())
	f.env = outputs.Env{
		Name: name, Agent: "web-1", Dir: t.TempDir(), Metrics: f.reg,
		Log: slog.New(slog.NewTextHandler(w, nil)).With("component", name),
	}
	return f
}

// metric returns the sum over all label values of the metric.
func (f *fixture) metric(t testing.TB, name string) float64 {
	t.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, fam := range families {
		if fam.GetName() != name {
			continue
		}
		var sum float64
		for _, m := range fam.Metric {
			switch fam.GetType() {
			case dto.MetricType_COUNTER:
				sum += m.Counter.GetValue()
			case dto.MetricType_GAUGE:
				sum += m.Gauge.GetValue()
			case dto.MetricType_HISTOGRAM:
				sum += float64(m.Histogram.GetSampleCount())
			}
		}
		return sum
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// memDead is a dead letter in memory.
type memDead struct {
	mu      sync.Mutex
	records []outputs.DeadRecord
	fail    bool
}

func (d *memDead) Keep(_ context.Context, records []outputs.DeadRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail {
		return errors.New("no space left on device")
	}
	for _, l := range records {
		l.Record = l.Record.Clone()
		d.records = append(d.records, l)
	}
	return nil
}

func (d *memDead) setFail(fail bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

func (d *memDead) all() []outputs.DeadRecord {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]outputs.DeadRecord(nil), d.records...)
}

// gen makes batches of numbered records: per origin, the numbers ascend.
type gen struct {
	rng  *rand.Rand
	next map[string]int
	sent []string
}

func newGen(rng *rand.Rand) *gen { return &gen{rng: rng, next: map[string]int{}} }

func (g *gen) batch(origins, maxRecords int) *record.Batch {
	origin := fmt.Sprintf("origin-%d", g.rng.IntN(origins))
	var b record.Builder
	b.Reset("tag."+origin, origin, 0)
	for range 1 + g.rng.IntN(maxRecords) {
		n := g.next[origin]
		g.next[origin]++
		v := fmt.Sprintf("%s %d", origin, n)
		g.sent = append(g.sent, v)
		b.Append(
			1_700_000_000_000_000_000+int64(n), []byte(origin), []byte(v),
			[]record.Header{{Key: "h", Value: []byte("x")}},
		)
	}
	return b.Build()
}

func (g *gen) fill(l *outputtest.MemLog, batches, origins, maxRecords int) {
	for range batches {
		l.Append(g.batch(origins, maxRecords))
	}
}

// checkDelivered checks that every value sent arrived or is a dead letter, that first arrivals per
// origin are in order, and returns the number of repeats. ordered false skips the order.
func checkDelivered(
	t testing.TB, sent []string, got []outputtest.Received, refused []outputs.DeadRecord, ordered bool,
) (repeats int) {
	t.Helper()
	seen := map[string]int{}
	last := map[string]int{}
	for i, r := range got {
		v := string(r.Record.Value)
		seen[v]++
		if seen[v] > 1 {
			repeats++
			continue
		}
		var origin string
		var n int
		if _, err := fmt.Sscanf(v, "%s %d", &origin, &n); err != nil {
			t.Fatalf("received %q: %v", v, err)
		}
		if p, ok := last[origin]; ordered && ok && n < p {
			t.Fatalf(
				"%s: %d arrived for the first time after %d (arrival %d of %d)", origin, n, p, i,
				len(got),
			)
		}
		last[origin] = n
		if r.Origin != origin || string(r.Record.Key) != origin ||
			r.Record.Time != 1_700_000_000_000_000_000+int64(n) ||
			len(r.Record.Headers) != 1 {
			t.Fatalf("record %q changed on the way: %+v", v, r)
		}
	}
	for _, l := range refused {
		seen[string(l.Record.Value)]++
	}
	lost := 0
	for _, v := range sent {
		if seen[v] == 0 {
			lost++
			if lost < 5 {
				t.Errorf("lost: %q", v)
			}
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d records lost", lost, len(sent))
	}
	return repeats
}

func quick() outputs.Common {
	c := outputs.DefaultCommon()
	c.Retry = outputs.Retry{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond}
	return c
}
