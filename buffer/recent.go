package buffer

import (
	"sort"

	"github.com/penstock/penstock/buffer/record"
)

// recent holds the newest batches, for readers at the head, and all that are in memory alone.
type recent struct {
	items    []recentItem
	bytes    int64
	appended appendTimes // of what is on disk, too
}

type recentItem struct {
	batch *record.Batch
	size  int64
}

// add appends a batch, and forgets old ones while there are more than limit bytes of them and they
// end at or before disk.
func (r *recent) add(b *record.Batch, size, ms, limit, disk int64) {
	r.items = append(r.items, recentItem{b, size})
	r.appended.add(b.First, ms)
	r.bytes += size
	n := 0
	for r.bytes > limit && n < len(r.items)-1 && r.items[n].batch.End <= disk {
		r.bytes -= r.items[n].size
		n++
	}
	r.drop(n)
}

// trim forgets what ends at or before pos.
func (r *recent) trim(pos int64) {
	r.appended.trim(pos)
	n := 0
	for n < len(r.items) && r.items[n].batch.End <= pos {
		r.bytes -= r.items[n].size
		n++
	}
	r.drop(n)
}

func (r *recent) drop(n int) {
	clear(r.items[:n]) // the slice's memory lives on
	r.items = r.items[n:]
}

func (r *recent) search(pos int64) int {
	return sort.Search(len(r.items), func(i int) bool { return r.items[i].batch.End > pos })
}

// find returns the batch that holds pos, or nil. Positions between two batches in memory belong to
// the second.
func (r *recent) find(pos int64) *record.Batch {
	i := r.search(pos)
	if i == len(r.items) || i == 0 && r.items[0].batch.First > pos {
		return nil
	}
	return r.items[i].batch
}
