package buffer

import (
	"errors"
	"fmt"
	"time"
)

const (
	pollSpace   = 200 * time.Millisecond // while there is no room
	retryWrite  = time.Second            // after a failed write
	idleRoll    = time.Second            // how long a head that everybody has passed stays
	idleRollMin = 256 << 10              // the size from which that is worth it
)

// writer is the goroutine that writes: it alone changes the state, the head and the chain.
type writer struct {
	b    *Buffer
	head *head
	seg  *segment // of head

	next    *head
	opening chan *head // result of opening the next segment ahead; nil when none is on the way
	heads   int        // number of the newest head directory

	seq     uint64 // of the last group written
	durable uint64 // of the last group known to be on disk
	buf     []byte // for groups

	extra      []change  // for the next group
	lastCommit time.Time // or attempt
	lastAppend time.Time
	lastRoom   time.Time // when makeRoom could not help
	lastOpen   time.Time
	broken     bool // the head failed to write: go on in a new one
	reports    map[string]time.Time
}

func (w *writer) run() {
	b := w.b
	defer close(b.done)
	for {
		closing := w.wait()
		w.makeRoom()
		err := w.step()
		if closing {
			// Once more, for what came with the last step; what cannot be written now never will be.
			for err == nil && w.pending() {
				err = w.step()
			}
			w.finish(err)
			return
		}
		w.idle()
	}
}

// wait returns when there is something to do, and whether the buffer is being closed.
func (w *writer) wait() bool {
	b := w.b
	for {
		b.mu.Lock()
		data, states := len(b.queue) > 0, len(b.commits) > 0
		enough := b.queued >= b.opt.FlushBytes
		low, blocked := b.lowSpace, b.blocked > 0
		b.mu.Unlock()
		d := time.Duration(-1) // for ever
		switch since := time.Since(w.lastCommit); {
		case w.broken:
			d = retryWrite - since
		case data && !low && enough:
			d = 0
		case states || data && !low:
			d = b.opt.FlushInterval - since
		case low:
			d = pollSpace - since
		case w.head.written >= idleRollMin || w.next == nil:
			d = idleRoll
		}
		if blocked && d != 0 {
			if again := pollSpace - time.Since(w.lastRoom); d < 0 || again < d {
				d = again
			}
		}
		var expired <-chan time.Time
		if d != -1 {
			if d <= 0 {
				return false
			}
			timer := time.NewTimer(d)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-b.quit:
			return true
		case <-b.wake:
		case <-expired:
			return false
		}
	}
}

func (w *writer) pending() bool {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return len(w.b.queue) > 0 || len(w.b.commits) > 0
}

// step writes what is waiting, as much as one commit takes.
func (w *writer) step() error {
	b := w.b
	b.mu.Lock()
	var ops []*appendOp
	var size int64
	for _, op := range b.queue {
		if size > 0 && size+op.encoded > commitBytes {
			break
		}
		ops = append(ops, op)
		size += op.encoded
	}
	states := b.commits
	b.commits = nil
	b.mu.Unlock()
	if len(ops) == 0 && len(states) == 0 {
		return nil
	}
	w.lastCommit = time.Now()
	err := w.write(ops, states, size)
	if errors.Is(err, errNoSpace) {
		w.outOfSpace(err)
		if len(ops) > 0 && len(states) > 0 {
			// Cursors move on, for that is what frees the disk.
			if serr := w.write(nil, states, 0); serr == nil {
				states = nil
			}
		}
	} else if err != nil {
		w.broken = true
		b.m.syncErrors.Inc()
		w.report("write", "buffer write failed; going on in a new segment", "error", err)
	} else {
		states = nil
		if len(ops) > 0 {
			w.lastAppend = time.Now()
		}
		w.enoughSpace()
	}
	if len(states) > 0 {
		b.mu.Lock()
		b.commits = append(states, b.commits...)
		b.mu.Unlock()
	}
	return err
}

// write commits ops and states and tells those who wait.
func (w *writer) write(ops []*appendOp, states []*stateOp, size int64) error {
	b := w.b
	if w.broken || w.head.full(size, b.opt.SegmentSize, 1+int(size/b.opt.FlushBytes)) {
		err := w.roll()
		if err != nil && (w.broken || len(ops) > 0 || !errors.Is(err, errNoSpace)) {
			return err
		}
	}
	groups, err := w.build(ops, states)
	if err != nil {
		return err
	}
	if err := w.ensureSpace(groups, len(ops) > 0); err != nil {
		return err
	}
	start := time.Now()
	if err := w.head.write(groups); err != nil {
		return err
	}
	if b.opt.Sync {
		if err := w.head.sync(); err != nil {
			return err
		}
	}
	b.m.syncSeconds.Observe(time.Since(start).Seconds())
	b.m.commits.Inc()
	w.durable = w.seq
	w.extra = nil
	w.publish(ops, states, groups)
	return nil
}

// build lays the groups out in w.buf.
func (w *writer) build(ops []*appendOp, states []*stateOp) ([][]byte, error) {
	b := w.b
	now := time.Now().UnixMilli()
	buf := w.buf[:0]
	var ends []int
	pos := b.end
	g := groupBuilder{}
	g.chg = append(g.chg, w.extra...)
	for _, s := range states {
		if s.change.kind != 0 { // one that only waits for those before it
			g.chg = append(g.chg, s.change)
		}
	}
	flush := func() error {
		w.seq++
		h := groupHeader{first: pos, seq: w.seq, durable: w.durable, appended: now}
		if len(g.ops) > 0 {
			h.first = g.ops[0].batch.First
		}
		var err error
		if buf, err = g.appendTo(buf, h, b.opt.Codec); err != nil {
			return err
		}
		if n := len(g.ops); n > 0 {
			pos = g.ops[n-1].batch.End
		}
		ends = append(ends, len(buf))
		g = groupBuilder{}
		return nil
	}
	var size int64
	for _, op := range ops {
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

// ensureSpace allocates what the groups need. Data leaves a reserve to changes of state and respects the floor.
func (w *writer) ensureSpace(groups [][]byte, data bool) error {
	b, h := w.b, w.head
	to := h.written
	for _, g := range groups {
		to += vlogEntrySize(int64(len(g)))
	}
	if !data {
		if h.groups > maxGroups+maxGroups/4 {
			return fmt.Errorf("%w: too many changes of state since the disk is full", errNoSpace)
		}
		return h.reserveTo(to, len(groups))
	}
	to += stateReserve
	if to <= h.reserved {
		return h.reserveTo(to, len(groups)+walStep/2/walGroupSize)
	}
	free, err := freeSpace(b.dir)
	if err != nil {
		return err
	}
	far := max(to, min(h.reserved+b.opt.chunk(), b.opt.SegmentSize+stateReserve))
	for _, to := range []int64{far, to} {
		if free-(to-h.reserved)-walStep < max(b.opt.MinFree, headFootprint) {
			err = fmt.Errorf("%w: %d MiB free, floor %d MiB", errNoSpace, free>>20, b.opt.MinFree>>20)
			continue
		}
		if err = h.reserveTo(to, len(groups)+walStep/2/walGroupSize); !errors.Is(err, errNoSpace) {
			return err
		}
	}
	return err
}

// publish makes what was committed visible and calls those who wait for it.
func (w *writer) publish(ops []*appendOp, states []*stateOp, groups [][]byte) {
	b := w.b
	now := time.Now()
	var stored, records, bytes int64
	for _, g := range groups {
		stored += int64(len(g))
	}
	b.mu.Lock()
	for _, op := range ops {
		for i := range op.changes {
			b.state.apply(&op.changes[i])
		}
		b.queued -= op.encoded
		if op.batch == nil {
			continue
		}
		b.end = op.batch.End
		records += int64(op.batch.Len())
		bytes += int64(op.batch.Size())
		b.recent.add(op.batch, op.weight, now.UnixMilli())
	}
	clear(b.queue[:len(ops)])
	b.queue = b.queue[len(ops):]
	for _, s := range states {
		c := s.change
		if c.kind == changeCursor {
			// Two commits of one cursor may be in one group, and a drop may have moved it: never back.
			c.pos = max(c.pos, b.state.cursors[c.name].pos)
		}
		b.state.apply(&c)
	}
	if w.seg.appended == 0 && records > 0 {
		w.seg.appended = now.UnixMilli()
	}
	w.seg.records += records
	w.seg.end = b.end
	b.used += w.head.written - w.seg.disk
	w.seg.disk = w.head.written
	removed := b.trimLocked()
	if records > 0 || removed != nil {
		b.notify()
	}
	b.makeRoom()
	b.mu.Unlock()

	b.m.appendedRecords.Add(float64(records))
	b.m.appendedBytes.Add(float64(bytes))
	b.m.storedBytes.Add(float64(stored))
	for _, op := range ops {
		b.inflight.Release(op.weight)
		if op.done != nil {
			op.done(nil)
		}
	}
	for _, s := range states {
		s.done <- nil
	}
	for _, s := range removed {
		b.remove(s)
	}
}

// finish ends the writer: the head is closed, and what could not be written is refused.
func (w *writer) finish(err error) {
	b := w.b
	if err == nil {
		err = ErrClosed
	} else {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	b.mu.Lock()
	ops, states := b.queue, b.commits
	b.queue, b.commits, b.queued = nil, nil, 0
	b.mu.Unlock()
	for _, op := range ops {
		b.inflight.Release(op.weight)
		if op.done != nil {
			op.done(err)
		}
	}
	for _, s := range states {
		s.done <- err
	}
	b.mu.Lock()
	b.retiring++
	b.mu.Unlock()
	b.retire(w.seg, w.head)
	if w.opening != nil {
		w.next = <-w.opening
	}
	if w.next != nil {
		if err := w.next.discard(); err != nil {
			b.log.Warn("buffer: remove unused segment", "error", err)
		}
	}
}

// report logs one kind of trouble at most once a minute.
func (w *writer) report(kind, msg string, args ...any) {
	if t, ok := w.reports[kind]; ok && time.Since(t) < time.Minute {
		return
	}
	w.reports[kind] = time.Now()
	w.b.log.Error(msg, append(args, "dir", w.b.dir)...)
}
