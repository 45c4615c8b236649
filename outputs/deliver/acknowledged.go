package deliver

import (
	"slices"
	"sort"
	"sync"

	"github.com/penstock/penstock/buffer/record"
)

// Ahead is what a destination has of a log, or of an object, behind the first record that it does
// not have. Flights that end leave it to the ones that follow, so that what was acknowledged is not
// sent again. It is not stored: a restart forgets it. Safe for concurrent use; nil holds nothing.
type Ahead struct {
	mu    sync.Mutex
	spans []interval // ascending, none touching another
}

// interval is the positions from from up to to.
type interval struct{ from, to int64 }

// add takes note of the positions from from up to to.
func (a *Ahead) add(from, to int64) {
	if a == nil || from >= to {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := sort.Search(len(a.spans), func(i int) bool { return a.spans[i].to >= from })
	j := i
	for ; j < len(a.spans) && a.spans[j].from <= to; j++ {
		from, to = min(from, a.spans[j].from), max(to, a.spans[j].to)
	}
	a.spans = slices.Replace(a.spans, i, j, interval{from, to})
}

// addBut takes note of the records of b, but for those that are in rest too, which holds some of
// them in their order.
func (a *Ahead) addBut(b, rest *record.Batch) {
	if a == nil {
		return
	}
	if rest == nil {
		a.add(b.First, b.End)
		return
	}
	left := positions(rest)
	for _, pos := range positions(b) {
		for len(left) > 0 && left[0] < pos {
			left = left[1:]
		}
		if len(left) > 0 && left[0] == pos {
			continue // of records that share a position, one is left: none is known to be there
		}
		a.add(pos, pos+1)
	}
}

// Forget drops the positions from from up to to, which nobody will ask for.
func (a *Ahead) Forget(from, to int64) {
	if a == nil || from >= to {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var kept []interval
	for _, s := range a.spans {
		if s.from < min(s.to, from) {
			kept = append(kept, interval{s.from, min(s.to, from)})
		}
		if max(s.from, to) < s.to {
			kept = append(kept, interval{max(s.from, to), s.to})
		}
	}
	a.spans = kept
}

func (a *Ahead) Empty() bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.spans) == 0
}

func (a *Ahead) Has(pos int64) bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := sort.Search(len(a.spans), func(i int) bool { return a.spans[i].to > pos })
	return i < len(a.spans) && a.spans[i].from <= pos
}

// without returns b without the records that the destination has: b itself if it has none of them
// or b cannot be read, nil if it has all.
func (a *Ahead) without(b *record.Batch) *record.Batch {
	if a.Empty() || b.Len() == 0 {
		return b
	}
	return keep(b, func(pos int64) bool { return !a.Has(pos) })
}

// keep returns a batch of the records of b that want says, by their positions: b itself if that is
// all of them or b cannot be read, nil if it is none.
func keep(b *record.Batch, want func(pos int64) bool) *record.Batch {
	p, err := b.Part(want)
	if err != nil {
		return b
	}
	return p
}

func positions(b *record.Batch) []int64 {
	recs, err := b.Records()
	if err != nil {
		return nil // what cannot be read is delivered as a whole, or not at all
	}
	out := make([]int64, 0, b.Len())
	for r := range recs {
		out = append(out, r.Offset)
	}
	return out
}
