package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// lookback is how long before the time asked for records may have been read that are still on their
// way then.
const lookback = 3 * time.Hour

// Read returns the pages of what was read since then, and some before. A page that cannot be read
// is told to bad, and left out.
func Read(
	ctx context.Context, place Place, prefix string, since, now time.Time,
	bad func(key string, err error),
) ([]*Page, error) {
	first := since.Add(-lookback).UTC().Truncate(time.Hour)
	pages, err := place.Pages(ctx, prefix, first, now.Add(time.Hour), bad)
	if err != nil {
		return nil, fmt.Errorf("reading the published counts: %w", err)
	}
	return pages, nil
}

// Report is what the pages of all agents say.
type Report struct {
	tally.Report
	// Notes say what could not be compared, and why.
	Notes []string `json:"notes,omitempty"`
}

// Audit compares the pages of all agents: within each, and from one to the next.
func Audit(pages []*Page, since time.Time) Report {
	var r Report
	pages = settle(pages)
	for _, p := range pages {
		name := p.Agent + "/" + p.Pipeline
		for _, l := range p.Lines {
			if !l.From.Add(l.Span).After(since) {
				continue
			}
			l.Pipeline = name
			r.Lines = append(r.Lines, l)
			if d := counted(p, &l); d != nil {
				r.Differences = append(r.Differences, *d)
			}
		}
		for _, d := range p.Differences {
			if d.From.Add(d.Span).After(since) {
				d.Pipeline = name
				r.Differences = append(r.Differences, d)
			}
		}
	}
	j := newJoin(pages, since)
	j.forward()
	j.kafka()
	r.Differences = append(r.Differences, j.found()...)
	r.Notes = j.notes
	sort.SliceStable(r.Differences, func(i, j int) bool {
		x, y := &r.Differences[i], &r.Differences[j]
		return cmp.Or(
			x.From.Compare(y.From), strings.Compare(x.Pipeline, y.Pipeline),
			strings.Compare(x.Origin, y.Origin),
		) < 0
	})
	slices.Sort(r.Notes)
	r.Notes = slices.Compact(r.Notes)
	return r
}

// counted compares what a Counter has of a line: who has a buffer has compared its own.
func counted(p *Page, l *tally.Line) *tally.Difference {
	if p.Run == "" {
		return nil
	}
	n := func(s tally.Stage) int64 { return l.Counts[s.String()].Records }
	missing := n(tally.Taken) - n(tally.Unmatched) - n(tally.Filtered) + n(tally.Added) -
		n(tally.Delivered) - n(tally.Confirmed) - n(tally.Overflowed) - n(tally.Dead)
	if missing == 0 {
		return nil
	}
	return &tally.Difference{
		Pipeline: l.Pipeline, From: l.From, Span: l.Span, Origin: l.Origin, Output: l.Output,
		After: tally.Taken.String(), Before: tally.Delivered.String(), Missing: missing,
		Explain: "the output has committed the positions of more, or fewer, records than it has delivered, filtered or put into the dead letter",
	}
}
