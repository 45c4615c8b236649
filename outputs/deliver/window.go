package deliver

// window is what a flight has in flight, in the order of the source: entries that are done stay
// until all before them are. It belongs to the goroutine of Flight.Run.
type window struct {
	entries []*entry
	bytes   int64
}

// landed is what has left the front of a window: all of it is delivered.
type landed struct {
	batches        int
	end            int64 // position after it
	records, bytes int64
}

func (w *window) len() int { return len(w.entries) }

func (w *window) push(e *entry) {
	w.entries = append(w.entries, e)
	w.bytes += int64(e.whole.Size())
}

// pop removes the entries at the front that are done.
func (w *window) pop() (l landed) {
	for _, e := range w.entries {
		if e.state != done {
			break
		}
		l.batches++
		l.end = e.whole.End
		l.records += int64(e.whole.Len())
		l.bytes += int64(e.whole.Size())
	}
	clear(w.entries[:l.batches])
	if w.entries = w.entries[l.batches:]; len(w.entries) == 0 {
		w.entries = nil
	}
	w.bytes -= l.bytes
	return l
}
