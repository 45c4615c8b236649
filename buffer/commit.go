package buffer

import (
	"slices"
	"time"
)

// mostChanges is of how many changes memory is kept.
const mostChanges = 1024

// groupCommit is what one commit takes.
type groupCommit struct {
	ops           []*appendOp // the first of the queue
	passed        []*appendOp // the first of the window, of which nothing but positions is written
	positionsOnly int         // the first so many of ops are like that too
	states        []*stateOp
	size          int64 // of ops, encoded
}

// gather takes what is waiting, as much as one commit takes. Commits are taken out of b.cursors.
func (w *writer) gather() (k groupCommit) {
	b := w.b
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason, _ := b.window.spillDue(now, b.closed, b.state.cursors); reason != "" {
		b.spill(reason, now)
	}
	k.ops, k.size = b.queue.front(commitBytes)
	left := !b.window.empty() ||
		slices.ContainsFunc(
			b.queue.ops[len(k.ops):],
			func(op *appendOp) bool { return op.isPublished },
		)
	k.states = b.withAdvances(b.cursors.take(!left))
	if !b.opt.Spill {
		return k
	}
	safe := b.safe(k.states)
	k.positionsOnly = passed(k.ops, safe)
	for _, op := range k.ops[:k.positionsOnly] {
		k.size -= op.encoded
	}
	if len(k.ops) == len(b.queue.ops) { // positions keep their order
		n := passed(b.window.ops, safe)
		k.passed = b.window.ops[:n:n]
	}
	reserves := func(s *stateOp) bool {
		return len(s.changes) > 0 && s.changes[0].kind == changeReserve
	}
	if b.lowPositions() && !slices.ContainsFunc(k.states, reserves) {
		k.states = append(k.states, &stateOp{
			changes: []change{
				{kind: changeReserve, pos: b.assigned + reserveAhead},
			},
			done: make(chan error, 1),
		})
	}
	return k
}

// build lays the groups out in w.buf.
func (w *writer) build(k groupCommit) ([][]byte, error) {
	b := w.b
	now := time.Now().UnixMilli()
	buf := w.buf[:0]
	var ends []int
	pos := b.disk
	g := groupBuilder{}
	g.chg = append(w.chg[:0], w.extra...)
	var moved changeSet
	for _, op := range k.ops[:k.positionsOnly] {
		moved.add(op.changes)
	}
	for _, op := range k.passed {
		moved.add(op.changes)
	}
	g.chg = append(g.chg, moved.list...)
	for _, s := range k.states {
		g.chg = append(g.chg, s.changes...)
	}
	w.books.begin(k)
	off := w.head.written // where the next entry begins
	flush := func() error {
		w.seq++
		h := groupHeader{first: pos, seq: w.seq, durable: w.durable, appended: now}
		if len(g.ops) > 0 {
			h.first = g.ops[0].batch.First
		}
		w.books.group(g.ops)
		var flags uint32
		g.chg, flags = w.books.changes(g.chg)
		h.flags |= flags
		var err error
		if buf, err = g.appendTo(buf, h, b.codec.get()); err != nil {
			return err
		}
		if n := len(g.ops); n > 0 {
			pos = g.ops[n-1].batch.End
		}
		at := 0
		if len(ends) > 0 {
			at = ends[len(ends)-1]
		}
		off += vlogEntrySize(int64(len(buf) - at))
		ends = append(ends, len(buf))
		clear(g.chg)
		if w.chg = g.chg[:0]; cap(w.chg) > mostChanges {
			w.chg = nil
		}
		g = groupBuilder{chg: w.chg}
		return nil
	}
	var size int64
	for _, op := range k.ops[k.positionsOnly:] {
		if size > 0 && size+op.encoded > b.opt.FlushBytes {
			if err := flush(); err != nil {
				return nil, err
			}
			size = 0
		}
		if op.batch != nil {
			g.ops = append(g.ops, op)
		}
		g.chg = append(g.chg, op.changes...)
		size += op.encoded
	}
	w.books.last()
	if b.opt.Sync {
		g.pad = func(size int64) int64 { return padding(off, size) }
	}
	if err := flush(); err != nil {
		return nil, err
	}
	w.buf = buf
	if cap(buf) > 2*commitBytes {
		w.buf = nil
	}
	groups := make([][]byte, len(ends))
	start := 0
	for i, end := range ends {
		groups[i] = buf[start:end:end]
		start = end
	}
	return groups, nil
}
