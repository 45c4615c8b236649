package buffer

import (
	"slices"
	"time"
)

// queue holds what was accepted for the disk and is not there yet, in order. Appends and spills add
// at its end. The writer alone takes out, at the front, and only once it is written: while it
// writes without the lock, what it writes stays where it is. Buffer.mu guards it.
type queue struct {
	ops      []*appendOp
	bytes    int64     // of ops, encoded
	awaited  int       // ops whose outcome somebody waits for
	complete bool      // nothing more comes for now that the ops would wait for
	since    time.Time // when the first op of an empty queue was added
}

func (q *queue) empty() bool { return len(q.ops) == 0 }

func (q *queue) add(op *appendOp) {
	if q.empty() {
		q.since = time.Now()
	}
	q.ops = append(q.ops, op)
	q.bytes += op.encoded
	if op.hasWaiter {
		q.awaited++
	}
}

// addSpilled adds what was in the window; nobody waits for that.
func (q *queue) addSpilled(ops []*appendOp, bytes int64) {
	q.ops = append(q.ops, ops...)
	q.bytes += bytes
}

// front returns a copy of the first ops, of limit bytes at most but for a single one, and what they
// come to.
func (q *queue) front(limit int64) (ops []*appendOp, size int64) {
	n := 0
	for ; n < len(q.ops) && (size == 0 || size+q.ops[n].encoded <= limit); n++ {
		size += q.ops[n].encoded
	}
	return slices.Clone(q.ops[:n]), size
}

// drop takes out the first n ops.
func (q *queue) drop(n int) {
	for _, op := range q.ops[:n] {
		q.bytes -= op.encoded
		if op.hasWaiter {
			q.awaited--
		}
	}
	clear(q.ops[:n])
	if q.ops = q.ops[n:]; len(q.ops) == 0 {
		q.ops, q.complete = nil, false
	}
}

// takeAll empties the queue.
func (q *queue) takeAll() []*appendOp {
	ops := q.ops
	*q = queue{}
	return ops
}
