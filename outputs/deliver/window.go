package deliver

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// window is what a flight has in flight, in the order of the source: entries that are done stay
// until all before them are. It belongs to the goroutine of Flight.Run.
type window struct {
	entries []*entry
	bytes   int64
	notes   []tally.Entry // memory of pop
}

// deliveredFront is what has left the front of a window: all of it is delivered.
type deliveredFront struct {
	batches        int
	end            int64 // position after it
	records, bytes int64
	notes          []tally.Entry // good until the next pop
}

func (w *window) len() int { return len(w.entries) }

func (w *window) push(e *entry) {
	w.entries = append(w.entries, e)
	w.bytes += int64(e.whole.Size())
}

// pop removes the entries at the front that are done. each is called with them; it may be nil.
func (w *window) pop(each func(*entry)) (l deliveredFront) {
	l.notes = w.notes[:0]
	for _, e := range w.entries {
		if e.state != done {
			break
		}
		l.batches++
		l.end = e.whole.End
		l.records += int64(e.whole.Len())
		l.bytes += int64(e.whole.Size())
		l.notes = e.notes(l.notes)
		if each != nil {
			each(e)
		}
	}
	clear(w.entries[:l.batches])
	if w.entries = w.entries[l.batches:]; len(w.entries) == 0 {
		w.entries = nil
	}
	w.bytes -= l.bytes
	w.notes = l.notes
	return l
}

// outcome says how many records were taken by the destination, and how many by the dead letter.
type outcome struct{ taken, dead int }

func (o *outcome) add(p outcome) { o.taken, o.dead = o.taken+p.taken, o.dead+p.dead }

// notes appends what has become of an entry's records.
func (e *entry) notes(to []tally.Entry) []tally.Entry {
	to = note(to, tally.Delivered, e.whole, e.taken)
	return note(to, tally.Dead, e.whole, e.dead)
}

// note appends that n records of b have come to a stage.
func note(to []tally.Entry, s tally.Stage, b *record.Batch, n int) []tally.Entry {
	if n == 0 || b.Len() == 0 {
		return to
	}
	return append(to, tally.Entry{
		Stage: s, Origin: b.Origin, First: b.First, End: b.End,
		Count: tally.Count{
			Records: int64(n), Bytes: int64(b.Size()) * int64(n) / int64(b.Len()),
		},
	})
}
