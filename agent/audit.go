package agent

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/prometheus/client_golang/prometheus"
)

// Audit implements admin.Agent.
func (a *Agent) Audit(since time.Time) tally.Report {
	r := tally.Report{Lines: []tally.Line{}, Differences: []tally.Difference{}}
	a.mu.Lock()
	var books []tally.Books
	for _, name := range slices.Sorted(maps.Keys(a.pipelines)) {
		if p := a.pipelines[name]; p.buf != nil {
			b := p.buf.Books()
			b.Pipeline = name
			books = append(books, b)
		}
	}
	a.mu.Unlock()
	for _, b := range books {
		r.Merge(Audit(b, since))
	}
	return r
}

// Audit accounts for what is in the books of a pipeline's buffer.
func Audit(b tally.Books, since time.Time) tally.Report {
	for i := range b.Outputs {
		o := &b.Outputs[i]
		n, err := overflow.ParseNote(o.Note)
		o.Store = err == nil && n.Stored()
	}
	return tally.Audit(b, since)
}

// auditEvery is how often a buffer is audited for its metric, at most.
const auditEvery = 30 * time.Second

// newAuditGauge audits a buffer as it is collected, and logs what differs.
func newAuditGauge(buf *buffer.Buffer, log *slog.Logger) prometheus.Collector {
	var mu sync.Mutex
	var last time.Time
	var differing int64
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_audit_differing_records",
		Help: "Records of the last 24 hours that one stage has counted and the next has not, or the other way round.",
	}, func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); last.IsZero() || now.Sub(last) >= auditEvery {
			was := differing
			last, differing = now, 0
			r := Audit(buf.Books(), now.Add(-24*time.Hour))
			for _, d := range r.Differences {
				differing += max(d.Missing, -d.Missing)
			}
			if differing != was && differing > 0 {
				d := &r.Differences[0]
				log.Error(
					"records are not accounted for", "records", differing, "first", d.String(),
					"do", "see penstock audit --explain",
				)
			}
		}
		return float64(differing)
	})
}
