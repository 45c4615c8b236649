package filter

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// meter counts what goes through a filter.
type meter struct {
	Filter
	recordsIn, recordsOut, bytesIn, bytesOut prometheus.Counter
}

// Metered returns f with counters for what goes in and what comes out.
func Metered(f Filter, env Env) Filter {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help + "; each output of a pipeline runs the filters for itself."})
		env.Metrics.MustRegister(c)
		return c
	}
	return &meter{
		Filter:     f,
		recordsIn:  counter("penstock_filter_records_in_total", "Records that came to a filter"),
		recordsOut: counter("penstock_filter_records_out_total", "Records that a filter let through"),
		bytesIn:    counter("penstock_filter_bytes_in_total", "Bytes of the records that came to a filter, before compression"),
		bytesOut:   counter("penstock_filter_bytes_out_total", "Bytes of the records that a filter let through, before compression"),
	}
}

// Apply implements Filter.
func (m *meter) Apply(b *record.Batch) *record.Batch {
	m.recordsIn.Add(float64(b.Len()))
	m.bytesIn.Add(float64(b.Size()))
	b = m.Filter.Apply(b)
	m.recordsOut.Add(float64(b.Len()))
	m.bytesOut.Add(float64(b.Size()))
	return b
}
