package buffer

import (
	"errors"
	"syscall"
	"time"
)

// outOfSpace begins or continues the state in which appends wait for the disk.
func (w *writer) outOfSpace(err error) {
	b := w.b
	b.mu.Lock()
	b.space.low, b.space.writeErr = true, err
	b.mu.Unlock()
	w.lastLow = time.Now()
	w.lowTold = true
	if w.noSegment = errors.Is(err, errNoSegment); w.noSegment {
		w.report(
			"create", "buffer: the next segment cannot be begun; inputs wait, outputs go on",
			"error", err, "do", adviceFor(err),
		)
		return
	}
	w.report(
		"space",
		"buffer: the disk is full; inputs wait, outputs go on. Free some space, or lower min_free",
		"error", err,
	)
}

// adviceFor says what to do about an error of the file system.
func adviceFor(err error) string {
	switch {
	case isFull(err) || errors.Is(err, errNoSpace):
		return "free some space, raise the user's quota, or lower min_free"
	case errors.Is(err, syscall.EMFILE):
		return "raise the limit of open files (LimitNOFILE, ulimit -n)"
	case errors.Is(err, syscall.ENFILE):
		return "raise sysctl fs.file-max"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: look in the kernel's log why, and mount it writable"
	}
	return "look at the disk, its file system and the kernel's log"
}

// enoughSpace ends it.
func (w *writer) enoughSpace() {
	b := w.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.space.low, b.space.writeErr = false, nil
	b.makeRoom()
}

// tellsEnoughIn returns how long it takes until the log is to say that data is written again, if
// all goes well; below 0: it has nothing to say. Where outputs free what is filled at once, the
// disk is full many times a second. Caller holds mu.
func (w *writer) tellsEnoughIn() time.Duration {
	if !w.lowTold || w.b.space.low || w.broken {
		return -1
	}
	return max(calmAfter-time.Since(w.lastLow), 0)
}

// tellEnough says that data is written again, once that has been so for a while.
func (w *writer) tellEnough() {
	w.b.mu.Lock()
	in := w.tellsEnoughIn()
	w.b.mu.Unlock()
	if in != 0 {
		return
	}
	w.lowTold = false
	delete(w.reports, "space")
	delete(w.reports, "create")
	w.b.opt.Log.Info("buffer: data is written again", "dir", w.b.dir.path)
}

// makeRoom looks whether the disk has space again, and applies the policy of a full buffer.
func (w *writer) makeRoom() {
	b := w.b
	b.mu.Lock()
	low, queued := b.space.low, !b.queue.empty()
	full := b.space.blocked > 0 && !b.hasRoom(b.space.wanted)
	b.mu.Unlock()
	if low && !queued && !w.broken {
		if w.findSpace() == nil {
			w.enoughSpace()
			return
		}
		w.lastLow = time.Now()
	}
	if !low && !full {
		return
	}
	w.lastRoom = time.Now()
	if b.opt.WhenFull != DropOldest || low && w.noSegment {
		if !low {
			w.report(
				"full", "buffer is full; inputs wait until outputs have delivered something",
				"max_size", b.opt.MaxSize,
			)
		}
		return
	}
	if low && !w.mayDrop() {
		return
	}
	if w.dropOldest(low) && !low {
		w.lastRoom = time.Time{}
	}
}

// findSpace reports whether there is space for data again. A writer without a head makes one.
func (w *writer) findSpace() error {
	if w.head == nil {
		w.lastCommit = time.Now()
		if err := w.roll(); err != nil {
			return err
		}
	}
	return w.ensureSpace(nil, true)
}

// giveDelivered removes the oldest segment, once every output has delivered what is in it, to make
// room for the head that is missing. Nothing stored says so yet: after a crash before there is one,
// readers find a gap in its place.
func (w *writer) giveDelivered() {
	b := w.b
	b.mu.Lock()
	var gone []*segment
	c := &b.chain
	if len(c.segs) > 1 && c.removing == 0 && c.failing == 0 && c.newestHoldsState() &&
		c.segs[0].end <= b.delivered() {
		gone = append(gone, c.unlink())
	}
	b.mu.Unlock()
	c.remove(gone...)
}

// mayDrop reports whether the disk is still full with all given back that was dropped, a moment
// later: a file system may take its time to count as free what was removed.
//
// A segment that cannot be removed may be the only one, and inputs are not to wait for it for ever.
// Where a second one cannot be, no other could: dropping more would lose records and free nothing,
// so inputs wait until one is gone.
//
// Without a head it is inputs that wait what is dropped for, and the state must stay.
func (w *writer) mayDrop() bool {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	c := &w.b.chain
	if w.head == nil && (w.b.space.blocked == 0 || !c.newestHoldsState()) {
		return false
	}
	return c.removing == 0 && c.failing < 2 && w.lastLow.Sub(c.triedAt) >= pollSpace
}

// dropOldest drops whole segments until there is room: one, where the disk is what is full.
func (w *writer) dropOldest(one bool) bool {
	b := w.b
	b.mu.Lock()
	single := len(b.chain.segs) == 1
	b.mu.Unlock()
	if single && (w.head == nil || w.seg.records == 0 || w.roll() != nil) {
		return false
	}
	var gone []*segment
	var records int64
	b.mu.Lock()
	for len(b.chain.segs) > 1 && (one && gone == nil || !one && !b.hasRoom(b.space.wanted)) {
		s := b.chain.segs[0]
		lost := s.records
		if low := b.state.minCursor(b.end); low > s.first {
			lost = min(lost, max(s.end-low, 0))
		}
		records += lost
		for name, c := range b.state.cursors {
			if c.pos < s.end {
				ch := change{kind: changeCursor, name: name, pos: s.end, note: c.note}
				b.state.apply(&ch)
				w.extra = append(w.extra, ch)
			}
		}
		b.chain.dropped = s.end
		gone = append(gone, b.chain.unlink())
	}
	b.recent.trim(b.chain.dropped)
	b.changed.fire()
	b.makeRoom()
	b.mu.Unlock()
	b.chain.remove(gone...)
	if gone == nil {
		return false
	}
	b.m.droppedRecords.Add(float64(records))
	w.report(
		"drop",
		"buffer is full: the oldest records are dropped, as when_full = drop_oldest says; see penstock_buffer_dropped_records_total",
		"records", records, "segments", len(gone),
	)
	return true
}
