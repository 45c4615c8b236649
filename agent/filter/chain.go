package filter

import (
	"sync"

	"github.com/penstock/penstock/buffer/record"
)

// Chain is filters one after the other. All of them work on a record before the next one is read,
// so that a value is taken apart once and put together once, however many edit it.
type Chain []Filter

// Result is what a chain makes of a batch.
type Result struct {
	// Batch is the batch itself if nothing changes, and otherwise a new one over the same
	// positions, perhaps without records.
	Batch *record.Batch
	// Refused are records for the dead letter, as they came to the chain.
	Refused []record.Refusal
}

// Tag returns the tag that a batch tagged tag leaves with.
func (c Chain) Tag(tag string) string {
	for _, f := range c {
		tag = f.Tag(tag)
	}
	return tag
}

// ForLog returns the chain with a memory of its own for each filter that has one.
func (c Chain) ForLog(log string) Chain {
	out := make(Chain, len(c))
	for i, f := range c {
		if s, ok := f.(Stateful); ok {
			f = s.ForLog(log)
		}
		out[i] = f
	}
	return out
}

// Apply runs the filters. It is safe for concurrent use unless a filter is Stateful.
func (c Chain) Apply(b *record.Batch) Result {
	for i, f := range c {
		if b.Len() == 0 {
			return Result{Batch: b}
		}
		verdict := verdictOf(f, b)
		if verdict == PerRecord {
			return c[i:].each(b)
		}
		var t tally
		t.whole(b, verdict)
		f.meters().add(&t)
		if verdict == Discarded {
			return Result{Batch: replace(b, f.Tag(b.Tag), nil)}
		}
		b = retag(b, f.Tag(b.Tag))
	}
	return Result{Batch: b}
}

func retag(b *record.Batch, tag string) *record.Batch {
	if tag == b.Tag {
		return b
	}
	return b.Retag(tag)
}

// replace returns a batch over b's positions with other records.
func replace(b *record.Batch, tag string, recs []record.Record) *record.Batch {
	out := record.FromRecords(tag, b.Origin, recs)
	out.First, out.End, out.Topic = b.First, b.End, b.Topic
	return out
}

// run is a chain at work on one batch.
type run struct {
	stages []stage
	views  []*View // one more for each split that a record may go through
	out    []record.Record
	lost   []record.Refusal
	arena  arena
	alters bool // out holds what is to become of the batch: it is not the same as before
}

type stage struct {
	filter  Filter
	subject *record.Batch // with the tag that it has here
	verdict Verdict
	tally   tally
}

var runs = sync.Pool{New: func() any { return new(run) }}

// each runs the filters for each record.
func (c Chain) each(b *record.Batch) Result {
	records, err := b.Records()
	if err != nil {
		// The output reports the batch as corrupt, and keeps it.
		var t tally
		t.whole(b, Unhandled)
		c[0].meters().add(&t)
		return Result{Batch: retag(b, c.Tag(b.Tag))}
	}
	r := runs.Get().(*run)
	defer runs.Put(r)
	r.begin(c, b)
	done := 0
	for rec := range records {
		v := r.view(0)
		v.reset(rec, &r.arena)
		out, lost := len(r.out), len(r.lost)
		same := r.do(0, 0, v)
		if !same && !r.alters {
			r.alters = true
			rest := append([]record.Record(nil), r.out[out:]...)
			r.out = make([]record.Record, 0, b.Len())
			for before := range records {
				if len(r.out) == done {
					break
				}
				r.out = append(r.out, *before)
			}
			r.out = append(r.out, rest...)
		} else if same && r.alters {
			r.out = append(r.out, *rec)
		}
		for i := lost; i < len(r.lost); i++ {
			r.lost[i].Record = *rec
		}
		done++
	}
	return r.end(b)
}

func (r *run) begin(c Chain, b *record.Batch) {
	r.stages = r.stages[:0]
	r.arena.size = min(b.Size()+b.Size()/4, arenaMax)
	subject := b
	for _, f := range c {
		r.stages = append(
			r.stages, stage{filter: f, subject: subject, verdict: verdictOf(f, subject)},
		)
		subject = retag(subject, f.Tag(subject.Tag))
	}
}

func (r *run) end(b *record.Batch) Result {
	tag := b.Tag
	for i := range r.stages {
		s := &r.stages[i]
		s.filter.meters().add(&s.tally)
		tag = s.filter.Tag(tag)
	}
	result := Result{Batch: retag(b, tag), Refused: r.lost}
	if r.alters {
		result.Batch = replace(b, tag, r.out)
	}
	clear(r.stages)
	for _, v := range r.views {
		v.forget()
	}
	r.out, r.lost, r.alters, r.arena = nil, nil, false, arena{}
	return result
}

// view returns the view for records of some depth of splits.
func (r *run) view(depth int) *View {
	for len(r.views) <= depth {
		r.views = append(r.views, &View{})
	}
	return r.views[depth]
}

// do takes the record of v from stage i to the end. It appends what comes out of it, unless that is
// the record itself as it was, and reports whether it is.
func (r *run) do(i, depth int, v *View) (same bool) {
	for ; i < len(r.stages); i++ {
		s := &r.stages[i]
		v.batch = s.subject
		t := &s.tally
		t.in++
		t.bytesIn += v.size()
		verdict := s.verdict
		if verdict == PerRecord {
			verdict = edit(s.filter, v)
		}
		t.records[verdict]++
		switch verdict {
		case Discarded:
			return false
		case Refused:
			r.lost = append(r.lost, record.Refusal{Reason: v.reason})
			return false
		case Split:
			parts := v.parts
			t.out += len(parts)
			for j := range parts {
				inner := r.view(depth + 1)
				inner.reset(&parts[j], &r.arena)
				inner.changed, inner.sharesPosition = true, j > 0 || v.sharesPosition
				t.bytesOut += inner.size()
				r.do(i+1, depth+1, inner)
			}
			return false
		}
		t.out++
		t.bytesOut += v.size()
	}
	if !v.changed {
		return true
	}
	r.out = append(r.out, *v.Record())
	return false
}
