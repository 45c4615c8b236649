package buffer

import "time"

// window is what is in the log and in memory alone, in spill mode: the end of the log. An op leaves
// it at the front, once every cursor has passed it and its positions are stored, or with all others
// when they are spilled into the queue. Buffer.mu guards it; the writer reads the ops that it
// has gathered without the lock, since nobody else changes them.
type window struct {
	max    int64         // bytes of memory
	maxAge time.Duration // how long an op may stay

	// open reports whether what can be read again stays in memory for now. While it is closed,
	// appends go to disk, until cursors are at reopenAt and the time is reopenAfter.
	open        bool
	reopenAfter time.Time
	reopenAt    int64

	ops     []*appendOp // in order
	bytes   int64       // of memory
	disk    int64       // what ops would take on disk
	waiting int         // appends that wait for room in it

	asked string // why the writer is to spill; "" while it is not
	last  LastSpill
}

func (w *window) empty() bool { return len(w.ops) == 0 }

// fits reports whether there is room for op.
func (w *window) fits(op *appendOp) bool {
	if op.batch == nil {
		return len(w.ops) < 1<<16
	}
	return w.bytes == 0 || w.bytes+op.weight <= w.max
}

// add places op, which is shown, at the end.
func (w *window) add(op *appendOp) {
	w.ops = append(w.ops, op)
	w.disk += op.encoded
	if op.batch != nil {
		w.bytes += op.weight
	}
}

// leave takes op out if it is the first, and reports whether it was.
func (w *window) leave(op *appendOp) bool {
	if w.empty() || w.ops[0] != op {
		return false
	}
	w.ops[0] = nil
	if w.ops = w.ops[1:]; len(w.ops) == 0 {
		w.ops = nil
	}
	w.disk -= op.encoded
	if op.batch != nil {
		w.bytes -= op.weight
	}
	return true
}

// takeAll empties the window. disk is what ops would take there.
func (w *window) takeAll() (ops []*appendOp, disk int64) {
	ops, disk = w.ops, w.disk
	w.ops, w.bytes, w.disk = nil, 0, 0
	return ops, disk
}

// ask has the writer spill, and reports whether that is news.
func (w *window) ask(reason string) bool {
	if w.asked != "" {
		return false
	}
	w.asked = reason
	return true
}

// commitAbove is the share of the window from which positions are stored as soon as cursors move,
// because that makes room.
func (w *window) commitAbove() int64 { return w.max / 4 }

// wantsCommits reports whether positions are to be stored as soon as cursors move.
func (w *window) wantsCommits() bool { return w.bytes > w.commitAbove() || w.waiting > 0 }

// spillDue returns why the window is to be spilled now, or "", and when to ask again; 0 stands for
// never. closing is whether the buffer is.
func (w *window) spillDue(
	now time.Time, closing bool, cursors map[string]cursorState,
) (reason string, again time.Duration) {
	switch {
	case w.asked != "":
		return w.asked, 0
	case w.empty():
		return "", 0
	case closing:
		return SpillClose, 0
	case w.waiting > 0 && w.isHeldByOne(cursors):
		return SpillReader, 0
	}
	if again = w.maxAge - now.Sub(w.ops[0].at); again <= 0 {
		return SpillAge, 0
	}
	return "", again
}

// isHeldByOne reports whether the window is full because of one cursor, while another has passed
// most of it: that one is not to wait for the first. What is full because all are busy makes the
// inputs wait, whose sources keep what has not been read.
func (w *window) isHeldByOne(cursors map[string]cursorState) bool {
	first := int64(-1)
	for _, c := range cursors {
		first = max(first, c.pos)
	}
	ahead := int64(0)
	for i := len(w.ops) - 1; i >= 0 && w.ops[i].end > first; i-- {
		if w.ops[i].batch != nil {
			ahead += w.ops[i].weight
		}
	}
	return len(cursors) > 1 && ahead < w.max*5/8
}
