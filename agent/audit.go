package agent

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/agent/state"
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
		o.Store = err == nil && n.Away()
	}
	return tally.Audit(b, since)
}

// auditEvery is how often a buffer is audited for its state and its metric, at most.
const auditEvery = 30 * time.Second

// auditor audits a buffer, and logs what differs. Safe for concurrent use.
type auditor struct {
	buf *buffer.Buffer
	log *slog.Logger

	mu    sync.Mutex
	last  time.Time
	found state.Unaccounted
}

// look returns what differs in the books of the last day.
func (a *auditor) look(now time.Time) state.Unaccounted {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < auditEvery {
		return a.found
	}
	was := a.found
	a.last, a.found = now, state.Unaccounted{}
	for i, d := range Audit(a.buf.Books(), now.Add(-24*time.Hour)).Differences {
		if i == 0 {
			a.found.First = d.String()
		}
		a.found.Missing += max(d.Missing, 0)
		a.found.TooMany += max(-d.Missing, 0)
	}
	if n := a.found.Records(); n != was.Records() && n > 0 {
		a.log.Error(
			"records are not accounted for", "records", n, "first", a.found.First,
			"do", "see penstock audit --explain",
		)
	}
	return a.found
}

func (a *auditor) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_audit_differing_records",
		Help: "Records of the last 24 hours that one stage has counted and the next has not, or the other way round.",
	}, func() float64 {
		found := a.look(time.Now())
		return float64(found.Records())
	})
}
