package buffer

import (
	"errors"
	"fmt"
	"time"
)

// birthSize is the disk that a segment is given at its birth: the whole state, and a reserve for
// its changes.
func (w *writer) birthSize() int64 {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return 2*w.b.state.size + 2*stateReserve
}

// roll ends the head and goes on in the next segment, which begins with the whole state. Errors
// that wrap errNoSpace or errNoSegment leave everything as it was.
func (w *writer) roll() error {
	b := w.b
	b.mu.Lock()
	retiring := b.chain.retiring
	b.mu.Unlock()
	if retiring >= maxRetiring {
		return fmt.Errorf("%w: %d segments wait for some to be closed", errNoSpace, retiring)
	}
	h, err := w.ahead.get()
	if err != nil {
		return err
	}
	group, err := w.firstGroup()
	if err != nil {
		return err
	}
	end := h.written + vlogEntrySize(int64(len(group))) + stateReserve
	if err := h.reserveTo(end, 1); errors.Is(err, errNoSpace) {
		return err
	} else if err != nil {
		return fmt.Errorf("%w: %w", errNoSegment, err)
	}
	w.ahead.used()
	err = h.write([][]byte{group})
	if err == nil {
		err = h.sync()
	}
	if err != nil {
		b.chain.abandon(h)
		if isFull(err) {
			return fmt.Errorf("%w: %w", errNoSpace, err)
		}
		return fmt.Errorf("%w: %w", errNoSegment, err)
	}
	w.durable = w.seq
	w.idleRoll = max(idleRollMin, 64*int64(len(group)))
	old, oldHead := w.seg, w.head
	b.mu.Lock()
	w.head, w.broken, b.headless = h, false, false
	w.seg = &segment{
		first:  b.disk,
		end:    b.disk,
		live:   h,
		closed: make(chan struct{}),
		dir:    h.dir,
		disk:   h.written,
	}
	b.chain.add(w.seg)
	if oldHead != nil {
		b.chain.retiring++
	}
	removed := b.trim()
	b.mu.Unlock()
	w.ahead.begin()
	if oldHead != nil {
		b.chain.bg.Add(1)
		go func() {
			defer b.chain.bg.Done()
			b.chain.retire(old, oldHead)
		}()
	}
	b.chain.remove(removed...)
	return nil
}

// firstGroup builds the group that begins a segment.
func (w *writer) firstGroup() ([]byte, error) {
	b := w.b
	b.mu.Lock()
	w.books.store()
	g := groupBuilder{chg: b.state.full()}
	pos := b.disk
	b.mu.Unlock()
	w.seq++
	return g.appendTo(nil, groupHeader{
		first:    pos,
		seq:      w.seq,
		durable:  w.durable,
		appended: time.Now().UnixMilli(),
		flags:    flagFullState,
	}, b.codec.get())
}

// idle looks after the chain between commits: the next segment is opened ahead, and the disk of a
// head that every cursor has passed and nobody writes to is given back.
func (w *writer) idle() {
	b := w.b
	if w.head == nil {
		w.giveDelivered()
		return
	}
	w.ahead.poll()
	b.mu.Lock()
	low := b.space.low
	// Of a disk that is full appends wait for what the head gives back.
	passed := (w.seg.records > 0 || w.head.written > b.opt.chunk()) && (low || b.queue.empty()) &&
		len(b.state.cursors) > 0 &&
		b.state.minCursor(b.disk) >= b.disk
	b.mu.Unlock()
	if !w.ahead.ready() && time.Since(w.ahead.lastOpen) >= idleRoll {
		w.ahead.begin()
		b.dir.holdReserve()
	}
	if !passed || w.head.written < w.idleRoll || time.Since(w.lastAppend) < idleRoll && !low {
		return
	}
	if err := w.roll(); err != nil && !errors.Is(err, errNoSpace) {
		w.report(
			"roll", "buffer: cannot begin a new segment; it is tried again", "error", err, "do",
			adviceFor(err),
		)
	}
}
