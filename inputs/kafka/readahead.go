package kafka

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readAhead is what was fetched of a partition and not returned by Next yet, and what the reader is
// to do about the partition. Lease.mu guards it: the reader fills it, and Next empties it.
type readAhead struct {
	queue  []queued
	epochs epochs
	bytes  int64
	next   int64 // position after what was queued
	read   int64 // position after what Next returned
	// of the last record of the fetch that it came with, milliseconds; 0 if nothing was returned
	readTime int64

	seek    bool // the reader is to go to next
	reading bool // the reader knows the partition
	full    bool // enough is read ahead
	paused  bool // the reader does not fetch it
}

// queued is a batch that waits for Next; refused is set if it stands for one in Kafka that goes to
// the dead letter.
type queued struct {
	*record.Batch
	refused *kgo.ErrDecompressTooLarge
	time    int64 // of the last record that was fetched with it, milliseconds
	held    int64 // bytes of memory
}

// clear drops what waits for Next.
func (a *readAhead) clear() { a.queue, a.bytes = nil, 0 }

// seekTo makes the reader go on at pos, and Next with what is there.
func (a *readAhead) seekTo(pos int64) {
	a.clear()
	a.epochs.seekTo(pos)
	a.next, a.read, a.seek = pos, pos, true
}

// push queues what was fetched, which goes on at next.
func (a *readAhead) push(q queued) {
	a.queue = append(a.queue, q)
	a.bytes += q.held
	a.next = q.End
}

// pass queues a batch without records in place of what cannot be fetched, and has the reader go on
// behind it.
func (a *readAhead) pass(q queued) {
	a.push(q)
	a.epochs.from(q.First, -1)
	a.seek = true
}

// pop takes out the first batch.
func (a *readAhead) pop() *record.Batch {
	b := a.queue[0].Batch
	a.bytes -= a.queue[0].held
	a.readTime = max(a.readTime, a.queue[0].time)
	a.queue[0] = queued{}
	a.queue = a.queue[1:]
	a.read = b.End
	return b
}

// unknown notes that the reader does not know the partition any more.
func (a *readAhead) unknown() { a.reading, a.full, a.paused = false, false, false }

// fill notes whether enough is read ahead, and reports whether it is now otherwise paused than
// before. A patient reader pauses none before it has twice as much.
func (a *readAhead) fill(limit int64, patient bool) (changed bool) {
	was := a.paused
	switch {
	case a.bytes <= limit/2:
		a.full, a.paused = false, false
	case a.bytes > limit:
		a.full = true
	}
	if a.full && (!patient || a.bytes > 2*limit) {
		a.paused = true
	}
	return a.paused != was
}
