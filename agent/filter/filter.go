package filter

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Filter changes batches. Safe for concurrent use.
type Filter interface {
	// Apply returns b itself if nothing changes, and otherwise a new batch over the same positions, perhaps without records.
	Apply(b *record.Batch) *record.Batch
	// Tag returns the tag that a batch tagged tag leaves with.
	Tag(tag string) string
}

// Env is what the agent lends to a filter.
type Env struct {
	Name    string // "filter.grep.errors"
	Agent   string // its name
	Metrics prometheus.Registerer
}

// Chain is filters one after the other.
type Chain []Filter

// Apply implements Filter.
func (c Chain) Apply(b *record.Batch) *record.Batch {
	for _, f := range c {
		if b.Len() == 0 {
			return b
		}
		b = f.Apply(b)
	}
	return b
}

// Tag implements Filter.
func (c Chain) Tag(tag string) string {
	for _, f := range c {
		tag = f.Tag(tag)
	}
	return tag
}

// verdict is what becomes of one record.
type verdict int

const (
	kept      verdict = iota
	changed           // the record that was passed has been modified
	discarded         // as configured
	unhandled         // passed on as it is
)

// editor applies a function to each record of a batch and counts the verdicts.
type editor struct{ counts [4]prometheus.Counter }

func newEditor(env Env) editor {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_filter_records_total",
		Help: "Records seen by a filter, by what became of them; each output of a pipeline runs the filters for itself.",
	}, []string{"result"})
	env.Metrics.MustRegister(vec)
	var e editor
	for v, name := range [...]string{kept: "kept", changed: "changed", discarded: "discarded", unhandled: "unhandled"} {
		e.counts[v] = vec.WithLabelValues(name)
	}
	return e
}

// Tag leaves the tag alone.
func (e *editor) Tag(tag string) string { return tag }

// edit calls fn for each record and returns b itself if all were kept as they are. fn may replace the record's slices but must not
// write into them.
func (e *editor) edit(b *record.Batch, fn func(r *record.Record) verdict) *record.Batch {
	records, err := b.Records()
	if err != nil {
		// The output reports the batch as corrupt, and keeps it.
		e.counts[unhandled].Add(float64(b.Len()))
		return b
	}
	var out []record.Record
	var n [4]int
	i := 0
	for r := range records {
		v := fn(r)
		n[v]++
		if out == nil && (v == changed || v == discarded) {
			out = make([]record.Record, 0, b.Len())
			for before := range records {
				if len(out) == i {
					break
				}
				out = append(out, *before)
			}
		}
		if out != nil && v != discarded {
			out = append(out, *r)
		}
		i++
	}
	for v, count := range n {
		if count > 0 {
			e.counts[v].Add(float64(count))
		}
	}
	if out == nil {
		return b
	}
	return replace(b, b.Tag, out)
}

// replace returns a batch over b's positions with other records.
func replace(b *record.Batch, tag string, recs []record.Record) *record.Batch {
	out := record.FromRecords(tag, b.Origin, recs)
	out.First, out.End, out.Topic = b.First, b.End, b.Topic
	return out
}
