package filter

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// meters are the metrics that every filter has.
type meters struct {
	records                                  [verdicts]prometheus.Counter
	recordsIn, recordsOut, bytesIn, bytesOut prometheus.Counter
	panics                                   *panics
}

const eachOutput = "; each output of a pipeline runs the filters for itself."

func newMeters(env Env) meters {
	vec := env.counters(
		"penstock_filter_records_total",
		"Records seen by a filter, by what became of them"+eachOutput, "result",
	)
	m := meters{
		panics: newPanics(env),
		recordsIn: env.counter(
			"penstock_filter_records_in_total", "Records that came to a filter"+eachOutput,
		),
		recordsOut: env.counter(
			"penstock_filter_records_out_total", "Records that a filter let through"+eachOutput,
		),
		bytesIn: env.counter(
			"penstock_filter_bytes_in_total",
			"Bytes of the records that came to a filter, before compression"+eachOutput,
		),
		bytesOut: env.counter(
			"penstock_filter_bytes_out_total",
			"Bytes of the records that a filter let through, before compression"+eachOutput,
		),
	}
	for v, name := range verdictNames {
		m.records[v] = vec.WithLabelValues(name)
	}
	return m
}

// tally counts what a filter does to one batch.
type tally struct {
	records           [verdicts]int
	in, out           int
	bytesIn, bytesOut int
}

// whole counts a batch that met one verdict.
func (t *tally) whole(b *record.Batch, v Verdict) {
	t.in, t.bytesIn = b.Len(), b.Size()
	t.records[v] = b.Len()
	if v != Discarded {
		t.out, t.bytesOut = b.Len(), b.Size()
	}
}

func (m *meters) add(t *tally) {
	for v, n := range t.records {
		add(m.records[v], n)
	}
	add(m.recordsIn, t.in)
	add(m.recordsOut, t.out)
	add(m.bytesIn, t.bytesIn)
	add(m.bytesOut, t.bytesOut)
}

func add(c prometheus.Counter, n int) {
	if n > 0 {
		c.Add(float64(n))
	}
}
