package agent

import (
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs/overflow"
)

// Audit implements admin.Agent.
func (a *Agent) Audit(since time.Time) (r tally.Report) {
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
