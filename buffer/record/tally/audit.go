package tally

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Books are the counts of one buffer, as of one moment.
type Books struct {
	// ID tells these books from those of another buffer that is, or was, in the same place; "" in
	// one that an earlier release has left. Began is when they were, if that is known.
	ID       string
	Began    time.Time
	Pipeline string
	Rows     []BookRow
	Outputs  []BookOutput
}

// BookRow is a row with what it is of.
type BookRow struct {
	From   time.Time     // when its records were read at the earliest
	Span   time.Duration // and how much later at most
	Origin string        // "" for those that share a row because there are too many
	Row    Row

	First, End int64 // positions of what was read in that time
	// Waiting counts, by the name of an output, what is found in the buffer behind its position;
	// nil when that was not looked for.
	Waiting map[string]int64
}

// BookOutput is one that reads the buffer.
type BookOutput struct {
	Number uint32 // of its cells
	Name   string
	From   int64  // it began to read there
	Pos    int64  // everything before it is dealt with
	Left   int64  // records in the buffer behind Pos; -1 when that is not known
	Note   string // of its position
	// Store reports whether something of it is in the store of its failover. Who knows its notes
	// sets it.
	Store bool
}

// Line is what became of one row's records in one output.
type Line struct {
	Pipeline string        `json:"pipeline"`
	From     time.Time     `json:"from"`
	Span     time.Duration `json:"span_ns"`
	Origin   string        `json:"origin"`
	Output   string        `json:"output"`

	Counts  map[string]Count `json:"counts"` // by stage, but for those of nothing
	Waiting int64            `json:"waiting"`
}

// Difference is a number of records that one stage has and the next has not.
type Difference struct {
	Pipeline string        `json:"pipeline"`
	From     time.Time     `json:"from"`
	Span     time.Duration `json:"span_ns"`
	Origin   string        `json:"origin"` // "" where it is not known, or of many
	Output   string        `json:"output"` // "" before the outputs
	After    string        `json:"after"`  // between this stage
	Before   string        `json:"before"` // and this one
	Missing  int64         `json:"missing"`
	Explain  string        `json:"explain"`
}

// Report is what an audit finds.
type Report struct {
	Lines       []Line       `json:"lines"`
	Differences []Difference `json:"differences"`
}

// Merge adds another report.
func (r *Report) Merge(o Report) {
	r.Lines = append(r.Lines, o.Lines...)
	r.Differences = append(r.Differences, o.Differences...)
}

// Audit compares the stages, for what was read since then. What waits is no difference.
func Audit(b Books, since time.Time) (r Report) {
	a := audit{b: b, r: &r}
	sort.Slice(b.Rows, func(i, j int) bool {
		x, y := &b.Rows[i], &b.Rows[j]
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Origin, y.Origin)) < 0
	})
	for i := range b.Rows {
		if row := &b.Rows[i]; row.From.Add(row.Span).After(since) {
			a.buffered(row)
			for _, o := range b.Outputs {
				if row.First >= o.From {
					a.output(row, o)
				}
			}
		}
	}
	for _, o := range b.Outputs {
		a.left(o)
		a.replayed(o, since)
	}
	return r
}

type audit struct {
	b Books
	r *Report
}

func (a *audit) differs(row *BookRow, output, after, before string, missing int64, explain string) {
	if missing == 0 {
		return
	}
	a.r.Differences = append(a.r.Differences, Difference{
		Pipeline: a.b.Pipeline, From: row.From, Span: row.Span, Origin: row.Origin, Output: output,
		After: after, Before: before, Missing: missing, Explain: explain,
	})
}

// either returns the text for records that are missing, or for those that are too many.
func either(missing int64, lost, added string) string {
	if missing < 0 {
		return added
	}
	return lost
}

func (a *audit) buffered(row *BookRow) {
	n := row.Row.Get(0, Read).Records - row.Row.Get(0, Buffered).Records
	a.differs(row, "", Read.String(), Buffered.String(), n, either(n,
		"an input gave them to the buffer, and they were not laid down there, though its position was",
		"the buffer has laid down more than any input gave it"))
}

func (a *audit) output(row *BookRow, o BookOutput) {
	get := func(s Stage) int64 { return row.Row.Get(o.Number, s).Records }
	l := Line{
		Pipeline: a.b.Pipeline, From: row.From, Span: row.Span, Origin: row.Origin, Output: o.Name,
		Counts: map[string]Count{},
	}
	for _, c := range row.Row {
		if c.Output == 0 || c.Output == o.Number {
			l.Counts[c.Stage.String()] = c.Count
		}
	}
	l.Waiting = a.waiting(row, o)
	a.r.Lines = append(a.r.Lines, l)

	n := row.Row.Get(0, Buffered).Records - get(Taken) - l.Waiting
	a.differs(row, o.Name, Buffered.String(), Taken.String(), n, either(n,
		"they were put into the buffer, the output has not read them, and they are not there any more: a segment was lost, damaged or dropped",
		"the output has read, or there waits, more than was put into the buffer"))
	n = get(Taken) - get(Unmatched) - get(Filtered) + get(Added) -
		get(Delivered) - get(Confirmed) - get(Overflowed) - get(Dead)
	a.differs(row, o.Name, Taken.String(), Delivered.String(), n, either(n,
		"the output has read them and is beyond them, and they were not filtered, delivered, moved to the overflow or put into the dead letter",
		"more was acknowledged than was read from the buffer"))
}

// waiting returns how many of a row's records wait for an output: as counted, or all that it may
// have to read yet.
func (a *audit) waiting(row *BookRow, o BookOutput) int64 {
	switch {
	case row.Waiting != nil:
		return row.Waiting[o.Name]
	case o.Pos >= row.End:
		return 0
	}
	return max(row.Row.Get(0, Buffered).Records-row.Row.Get(o.Number, Taken).Records, 0)
}

// left compares what is to wait with what does, where it was not counted row by row.
func (a *audit) left(o BookOutput) {
	if o.Left < 0 || len(a.b.Rows) == 0 {
		return
	}
	n := -o.Left
	of := BookRow{From: time.Time{}}
	first := int64(-1)
	for i := range a.b.Rows {
		row := &a.b.Rows[i]
		if first < 0 || row.First < first {
			first = row.First
		}
		if w := a.waiting(row, o); w > 0 && row.First >= o.From {
			if n += w; of.From.IsZero() {
				of.From = row.From
			}
			of.Span = row.From.Add(row.Span).Sub(of.From)
		}
	}
	if o.Pos < first || o.Pos < o.From || of.From.IsZero() {
		return // it is to read what is older than the counts, or nothing
	}
	a.differs(&of, o.Name, Buffered.String(), "waiting", n, either(n,
		"they were put into the buffer, are to be read yet, and are not there any more",
		"more waits in the buffer than was put there"))
}

// replayed compares what went to the store with what has come back, for each origin: objects need
// not have the bounds of minutes.
func (a *audit) replayed(o BookOutput, since time.Time) {
	moved, of := map[string]int64{}, map[string]*BookRow{}
	for i := range a.b.Rows {
		row := &a.b.Rows[i]
		over, back := row.Row.Get(o.Number, Overflowed), row.Row.Get(o.Number, Replayed)
		if over.Records == 0 && back.Records == 0 || row.First < o.From {
			continue
		}
		moved[row.Origin] += over.Records - back.Records
		span := of[row.Origin]
		if span == nil {
			span = &BookRow{From: row.From, Origin: row.Origin}
			of[row.Origin] = span
		}
		span.Span = row.From.Add(row.Span).Sub(span.From)
	}
	for origin, n := range moved {
		if n > 0 && o.Store || !of[origin].From.Add(of[origin].Span).After(since) {
			continue // they wait there
		}
		a.differs(of[origin], o.Name, Overflowed.String(), Replayed.String(), n, either(n,
			"they were moved to the store, nothing of this output is there any more, and they were not replayed from here: an object was deleted, or replayed by another agent",
			"more came back from the store than was moved there: an object was replayed again after a crash, or is another's"))
	}
	sort.SliceStable(a.r.Differences, func(i, j int) bool {
		x, y := &a.r.Differences[i], &a.r.Differences[j]
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Origin, y.Origin)) < 0
	})
}

// String names the difference in one line.
func (d *Difference) String() string {
	what, n := "missing", d.Missing
	if n < 0 {
		what, n = "too many", -n
	}
	origin := d.Origin
	if origin == "" {
		origin = "(several origins)"
	}
	where := strings.TrimSpace(d.Pipeline + " " + d.Output)
	return fmt.Sprintf(
		"%s %s: %d %s between %s and %s, of %s", d.When(), where, n, what, d.After, d.Before, origin,
	)
}

// When returns the minute, or the time between two.
func (d *Difference) When() string { return When(d.From, d.Span) }

// When writes a minute, or a longer time, in UTC.
func When(from time.Time, span time.Duration) string {
	text := from.UTC().Format("2006-01-02 15:04")
	if span > time.Minute {
		text += from.Add(span).UTC().Format("-15:04")
	}
	return text
}
