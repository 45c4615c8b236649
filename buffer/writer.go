package buffer

import (
	"errors"
	"fmt"
	"time"
)

const (
	pollSpace   = 200 * time.Millisecond // while there is no room
	retryWrite  = time.Second            // after a failed write, or removal
	calmAfter   = 10 * time.Second       // without trouble it is over
	idleRoll    = time.Second            // how long a head that everybody has passed stays
	idleRollMin = 256 << 10              // the size from which that is worth it, at least
)

// writer is the goroutine that writes: it alone changes the state, the head and the chain.
type writer struct {
	b    *Buffer
	head *head    // nil: there was no room for one yet, since the buffer was opened
	seg  *segment // of head
	// the size from which it is worth it to roll an idle head, seen what the next one begins with
	idleRoll int64

	ahead ahead

	seq     uint64   // of the last group written
	durable uint64   // of the last group known to be on disk
	buf     []byte   // for groups
	chg     []change // for the changes of one

	books *bookkeeper

	extra      []change  // for the next group
	lastCommit time.Time // or attempt
	lastAppend time.Time
	lastRoom   time.Time // when makeRoom could not help
	lastLow    time.Time // when the disk had no room
	lowTold    bool      // and the log does not say yet that it has some again
	broken     bool      // the head failed to write: go on in a new one
	noSegment  bool      // appends wait for a new segment, not for space
	reports    map[string]time.Time
}

// newWriter makes a writer that has no head yet. heads and seq are the newest numbers of a head
// directory and of a group that may be in use.
func newWriter(b *Buffer, heads int, seq uint64) *writer {
	w := &writer{b: b, seq: seq, durable: seq, reports: map[string]time.Time{}}
	w.books = newBookkeeper(b)
	w.ahead = ahead{dir: b.dir, bg: &b.chain.bg, heads: heads, size: w.birthSize}
	w.ahead.onFailure = func(err error) {
		w.report(
			"create", "buffer: cannot create the next segment; it is tried again", "error", err,
			"do", adviceFor(err),
		)
	}
	return w
}

func (w *writer) run() {
	b := w.b
	defer close(b.done)
	for {
		closing := w.wait()
		w.makeRoom()
		err := w.step()
		if closing {
			// Once more, for what came with the last step; what cannot be written now never will
			// be.
			for err == nil && w.pending() {
				err = w.step()
			}
			if err == nil && b.opt.Spill {
				// All is on disk: no position need be skipped at the next start.
				err = w.write(
					groupCommit{
						states: []*stateOp{
							{
								changes: []change{{kind: changeReserve, pos: b.end}},
								done:    make(chan error, 1),
							},
						},
					},
				)
			}
			w.finish(err)
			return
		}
		w.tellEnough()
		w.idle()
	}
}

// wait returns when there is something to do, and whether the buffer is being closed.
func (w *writer) wait() bool {
	b := w.b
	for {
		b.mu.Lock()
		now := time.Now()
		since := now.Sub(w.lastCommit)
		data := !b.queue.empty()
		states := b.cursors.hasUrgent()
		advance, isUrgent := b.advanceDue(now)
		states = states || isUrgent
		company := b.company(now)
		enough := b.queue.bytes >= b.opt.FlushBytes
		low, blocked := b.space.low, b.space.blocked > 0
		pace := b.pace(now, since)
		enoughIn := w.tellsEnoughIn()
		b.mu.Unlock()
		d := time.Duration(-1) // for ever
		switch {
		case w.mustRoll():
			d = max(b.opt.retry-since, 0)
		case data && !low && enough:
			d = 0
		case states:
			// what is overdue is not to wait for what pace says
			d = max(b.opt.FlushInterval-since, 0)
		case data && !low:
			d = max(b.opt.FlushInterval-since, company, 0)
		case low:
			d = max(pollSpace-since, 0)
		case w.head.written >= w.idleRoll || !w.ahead.ready():
			d = idleRoll
		}
		for _, other := range []time.Duration{pace, advance, enoughIn} {
			if other >= 0 && !w.mustRoll() && (d < 0 || other < d) {
				d = other
			}
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

// company returns how much longer what is in the queue waits for more, since nobody waits for it.
// What is read at one time is appended within moments, and some say when that is over. Caller holds
// mu.
func (b *Buffer) company(now time.Time) time.Duration {
	if b.queue.awaited > 0 || b.queue.complete || b.opt.Spill {
		return 0
	}
	return min(b.opt.FlushInterval, b.opt.Latency) - now.Sub(b.queue.since)
}

// mustRoll reports whether there is no head that can be written to.
func (w *writer) mustRoll() bool { return w.broken || w.head == nil }

func (w *writer) pending() bool {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return !w.b.queue.empty() || len(w.b.cursors.commits) > 0 || !w.b.window.empty()
}

// step writes what is waiting, as much as one commit takes.
func (w *writer) step() error {
	k := w.gather()
	if len(k.ops) == 0 && len(k.states) == 0 && len(k.passed) == 0 {
		return nil
	}
	w.lastCommit = time.Now()
	data := len(k.ops) > k.positionsOnly
	err := w.write(k)
	if errors.Is(err, errNoSpace) || errors.Is(err, errNoSegment) {
		w.outOfSpace(err)
		if k.ops, k.size = k.ops[:k.positionsOnly], 0; data {
			// Cursors move on, for that is what frees the disk; but those that wait for the data.
			k.states = w.putBack(k.states, func(s *stateOp) bool { return s.barrier })
			if len(k.ops)+len(k.passed)+len(k.states) > 0 && w.write(k) == nil {
				k.states = nil
			}
		}
	} else if err != nil {
		w.broken = true
		w.b.mu.Lock()
		w.b.space.writeErr = err
		w.b.mu.Unlock()
		w.b.m.syncErrors.Inc()
		w.report(
			"write", "buffer write failed; going on in a new segment", "error", err, "do",
			adviceFor(err),
		)
	} else {
		k.states = nil
		if data {
			w.lastAppend = time.Now()
			w.enoughSpace()
		}
	}
	w.putBack(k.states, func(*stateOp) bool { return true })
	return err
}

// putBack returns those of states for which which is true to those that wait, and returns the
// others.
func (w *writer) putBack(states []*stateOp, which func(*stateOp) bool) (others []*stateOp) {
	if len(states) == 0 {
		return nil
	}
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	var back []*stateOp
	for _, s := range states {
		if which(s) && s.isAdvance {
			continue // it is made anew
		}
		if which(s) {
			back = append(back, s)
		} else {
			others = append(others, s)
		}
	}
	w.b.cursors.putBack(back)
	return others
}

// write commits k and tells those who wait.
func (w *writer) write(k groupCommit) error {
	b := w.b
	data := len(k.ops) > k.positionsOnly
	if w.mustRoll() || w.head.full(k.size, b.opt.SegmentSize, 1+int(k.size/b.opt.FlushBytes)) {
		err := w.roll()
		if err != nil && (w.mustRoll() || data) {
			return err
		}
	}
	groups, err := w.build(k)
	if err != nil {
		return err
	}
	if err := w.ensureSpace(groups, data); err != nil {
		return err
	}
	start := time.Now()
	b.opt.onStage("write")
	if err := w.head.write(groups); err != nil {
		return err
	}
	if b.opt.Sync {
		if err := w.head.sync(); err != nil {
			return err
		}
	}
	b.opt.onStage("written")
	b.m.syncSeconds.Observe(time.Since(start).Seconds())
	b.m.commits.Inc()
	w.durable = w.seq
	w.extra = nil
	w.publish(k, groups)
	return nil
}

// ensureSpace allocates what the groups need. Data leaves a reserve to changes of state and
// respects the floor.
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
	free, err := b.dir.disk.freeSpace(b.dir.path)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoSpace, err)
	}
	far := max(to, min(h.reserved+b.opt.chunk(), b.opt.SegmentSize+stateReserve))
	for _, to := range []int64{far, to} {
		if free-(to-h.reserved)-walStep < max(b.opt.MinFree, headFootprint) {
			err = fmt.Errorf(
				"%w: %d MiB free, floor %d MiB", errNoSpace, free>>20, b.opt.MinFree>>20,
			)
			continue
		}
		if err = h.reserveTo(to, len(groups)+walStep/2/walGroupSize); !errors.Is(err, errNoSpace) {
			return err
		}
	}
	return err
}

// publish makes what was committed visible and calls those who wait for it. This is where a batch
// is acknowledged, unless spill mode keeps it in memory (add): its done is called (settled), upon
// which inputs send acks and answers.
func (w *writer) publish(k groupCommit, groups [][]byte) {
	b := w.b
	now := time.Now()
	var stored, records, bytes, spilled int64
	for _, g := range groups {
		stored += int64(len(g))
	}
	b.mu.Lock()
	b.space.ahead = max(w.head.reserved-w.head.written-stateReserve, 0)
	for i, op := range k.ops {
		for i := range op.changes {
			b.state.apply(&op.changes[i])
		}
		switch {
		case op.batch == nil:
			continue
		case i < k.positionsOnly:
			b.m.through(op.batch)
			continue
		case op.isPublished:
			spilled += op.encoded
		default:
			b.end = op.batch.End
			b.recent.add(op.batch, op.weight, now.UnixMilli(), b.recentMax(), b.end)
		}
		b.disk = op.batch.End
		records += int64(op.batch.Len())
		bytes += int64(op.batch.Size())
	}
	w.books.published()
	b.queue.drop(len(k.ops))
	b.leaveWindow(k.passed)
	for _, s := range k.states {
		for _, c := range s.changes {
			if c.kind == changeCursor {
				// Two commits of one cursor may be in one group, and a drop may have moved it:
				// never back.
				was := b.state.cursors[c.name].pos
				c.pos = max(c.pos, was)
				b.observePassed(c.name, was, c.pos, now)
			}
			if c.kind == changeUncursor {
				b.books.removed(c.name)
			}
			b.state.apply(&c)
		}
	}
	if w.seg.appended == 0 && records > 0 {
		w.seg.appended = now.UnixMilli()
	}
	w.seg.records += records
	w.seg.end = b.disk
	b.chain.grow(w.seg, w.head.written)
	removed := b.trim()
	if records > 0 || removed != nil {
		b.changed.fire()
	}
	news := b.toMemory(now)
	b.makeRoom()
	b.mu.Unlock()

	b.m.appendedRecords.Add(float64(records))
	b.m.appendedBytes.Add(float64(bytes))
	b.m.storedBytes.Add(float64(stored))
	b.m.spilledBytes.Add(float64(spilled))
	for _, op := range k.ops {
		b.settled(op, nil)
	}
	for _, op := range news {
		b.settled(op, nil)
	}
	for _, s := range k.states {
		s.done <- nil
	}
	b.chain.remove(removed...)
}

// leaveWindow takes ops, whose positions are stored, out of the window. Should they have been
// spilled in the meantime, they are passed by in the queue. Caller holds mu.
func (b *Buffer) leaveWindow(ops []*appendOp) {
	for _, op := range ops {
		for i := range op.changes {
			b.state.apply(&op.changes[i])
		}
		op.changes = nil
		if b.window.leave(op) && op.batch != nil {
			b.m.through(op.batch)
		}
	}
}

// settled gives back what an append that was not in the log at once has held, and calls its done.
// The writer alone calls it, once it has the op.
func (b *Buffer) settled(op *appendOp, err error) {
	if !op.held {
		return
	}
	op.held = false
	b.inflight.Release(min(op.weight, maxInFlight))
	if op.onDone != nil {
		op.onDone(err)
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
	inWindow, _ := b.window.takeAll()
	ops, states := append(b.queue.takeAll(), inWindow...), b.cursors.take(true)
	b.mu.Unlock()
	for _, op := range ops {
		b.settled(op, err)
	}
	for _, s := range states {
		s.done <- err
	}
	discarded := make(chan error, 1) // either may take closePatience
	go func() { discarded <- w.ahead.discard() }()
	if w.head != nil {
		b.mu.Lock()
		b.chain.retiring++
		b.mu.Unlock()
		b.chain.retire(w.seg, w.head)
	}
	if err := <-discarded; err != nil {
		b.opt.Log.Warn("buffer: remove unused segment", "error", err)
	}
}

// report logs one kind of trouble at most once a minute.
func (w *writer) report(kind, msg string, args ...any) {
	if t, ok := w.reports[kind]; ok && time.Since(t) < time.Minute {
		return
	}
	w.reports[kind] = time.Now()
	w.b.opt.Log.Error(msg, append(args, "dir", w.b.dir.path)...)
}
