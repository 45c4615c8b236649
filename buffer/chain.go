package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// openNext begins to open the segment after the head.
func (w *writer) openNext() {
	if w.next != nil || w.opening != nil {
		return
	}
	w.lastOpen = time.Now()
	w.heads++
	n, reserve := w.heads, w.birthSize()
	ch := make(chan opened, 1)
	w.opening = ch
	b := w.b
	b.bg.Add(1)
	go func() {
		defer b.bg.Done()
		h, err := b.create(n, reserve)
		ch <- opened{h, err}
	}()
}

// opened is what came of opening a segment ahead.
type opened struct {
	head *head
	err  error
}

// took takes the segment that was opened ahead. Where there is none, rolling tries again and deals
// with it.
func (w *writer) took(o opened) {
	w.next, w.opening = o.head, nil
	if o.err != nil && !errors.Is(o.err, errNoSpace) {
		w.report(
			"create", "buffer: cannot create the next segment; it is tried again", "error", o.err,
			"do", adviceFor(o.err),
		)
	}
}

// birthSize is the disk that a segment is given at its birth: the whole state, and a reserve for
// its changes.
func (w *writer) birthSize() int64 {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return 2*w.b.state.size + 2*stateReserve
}

// reserveName is a file that only holds disk: given up to begin a segment when the buffer is opened
// on a full disk, so that outputs can deliver what fills it.
const (
	reserveName = "RESERVE"
	reserveSize = 8 << 20
)

// holdReserve makes the reserve again, where there is the space for it.
func (b *Buffer) holdReserve() {
	path := filepath.Join(b.dir, reserveName)
	if fi, err := os.Stat(path); err == nil && fi.Size() == reserveSize {
		return
	}
	if free, err := freeSpace(b.dir); err != nil || free < 4*reserveSize+b.opt.MinFree {
		return
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	if ok, err := b.opt.disk.reserve(f, 0, reserveSize); !ok || err != nil {
		_ = os.Remove(path)
	}
}

// create makes a new segment, where there is the space for one.
// Errors wrap errNoSpace or errNoSegment.
func (b *Buffer) create(n int, reserve int64) (*head, error) {
	free, _, err := b.opt.disk.space(b.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSegment, err)
	}
	if need := reserve + walStep + headFootprint; free < need {
		return nil, fmt.Errorf(
			"%w: a segment needs %d MiB, %s has %d MiB free", errNoSpace, (need+1<<20-1)>>20, b.dir,
			free>>20,
		)
	}
	h, err := openHead(b.opt.disk, b.headPath(n), b.opt.SegmentSize, reserve, badgerLog{b})
	switch {
	case errors.Is(err, errNoSpace):
		return nil, err
	case isFull(err):
		return nil, fmt.Errorf("%w: %w", errNoSpace, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoSegment, err)
	}
	if h.mapped.missing() {
		b.unmapped.Do(func() {
			b.log.Info(
				"Badger's memory map is not to be found in /proc/self/maps: syncs of the buffer will take more of the processor than they need to",
				"dir", b.dir,
			)
		})
	}
	return h, nil
}

// roll ends the head and goes on in the next segment, which begins with the whole state. Errors
// that wrap errNoSpace or errNoSegment leave everything as it was.
func (w *writer) roll() error {
	b := w.b
	b.mu.Lock()
	retiring := b.retiring
	b.mu.Unlock()
	if retiring >= maxRetiring {
		return fmt.Errorf("%w: %d segments wait for some to be closed", errNoSpace, retiring)
	}
	if w.opening != nil {
		w.took(<-w.opening)
	}
	if w.next == nil {
		w.heads++
		h, err := b.create(w.heads, w.birthSize())
		if err != nil {
			return err
		}
		w.next = h
	}
	h := w.next
	group, err := w.birth()
	if err != nil {
		return err
	}
	end := h.written + vlogEntrySize(int64(len(group))) + stateReserve
	if err := h.reserveTo(end, 1); errors.Is(err, errNoSpace) {
		return err
	} else if err != nil {
		return fmt.Errorf("%w: %w", errNoSegment, err)
	}
	w.next = nil
	err = h.write([][]byte{group})
	if err == nil {
		err = h.sync()
	}
	if err != nil {
		b.abandon(h)
		if isFull(err) {
			return fmt.Errorf("%w: %w", errNoSpace, err)
		}
		return fmt.Errorf("%w: %w", errNoSegment, err)
	}
	w.durable = w.seq
	old, oldHead := w.seg, w.head
	b.mu.Lock()
	w.head, w.broken = h, false
	w.seg = &segment{
		first:  b.disk,
		end:    b.disk,
		live:   h,
		closed: make(chan struct{}),
		dir:    h.dir,
		disk:   h.written,
	}
	b.segs = append(b.segs, w.seg)
	b.used += h.written
	if oldHead != nil {
		b.retiring++
	}
	removed := b.trimLocked()
	b.mu.Unlock()
	w.openNext()
	if oldHead != nil {
		b.bg.Add(1)
		go func() {
			defer b.bg.Done()
			b.retire(old, oldHead)
		}()
	}
	for _, s := range removed {
		b.remove(s)
	}
	return nil
}

// birth builds the group that begins a segment.
func (w *writer) birth() ([]byte, error) {
	b := w.b
	b.mu.Lock()
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
	}, b.codec())
}

// idle looks after the chain between commits: the next segment is opened ahead, and the disk of a
// head that every cursor has passed and nobody writes to is given back.
func (w *writer) idle() {
	b := w.b
	if w.opening != nil {
		select {
		case o := <-w.opening:
			w.took(o)
		default:
		}
	}
	b.mu.Lock()
	low := b.space.low
	passed := (w.seg.records > 0 || w.head.written > b.opt.chunk()) && b.queue.empty() &&
		len(b.state.cursors) > 0 &&
		b.state.minCursor(b.disk) >= b.disk
	b.mu.Unlock()
	if w.next == nil && time.Since(w.lastOpen) >= idleRoll {
		w.openNext()
		b.holdReserve()
	}
	if !passed || w.head.written < idleRollMin || time.Since(w.lastAppend) < idleRoll && !low {
		return
	}
	if err := w.roll(); err != nil && !errors.Is(err, errNoSpace) {
		w.report(
			"roll", "buffer: cannot begin a new segment; it is tried again", "error", err, "do",
			adviceFor(err),
		)
	}
}

// abandon gives up a segment whose first group could not be written. Nothing in it was
// acknowledged.
func (b *Buffer) abandon(h *head) {
	b.mu.Lock()
	b.retiring++
	b.mu.Unlock()
	s := &segment{dir: h.dir, closed: make(chan struct{})}
	s.removed.Store(true)
	b.bg.Add(1)
	go func() {
		defer b.bg.Done()
		b.retire(s, h)
	}()
}

// roomToClose tells whether there are room on the disk and descriptors for what closing a database
// writes.
func (b *Buffer) roomToClose() bool {
	free, total, err := diskSpace(b.dir)
	return (err != nil || free >= min(closeHeadroom, max(total/4, headFootprint))) &&
		needDescriptors(b.dir, openDescriptors) == nil
}

// retire closes the database of a segment that is no longer written. It waits until there is room
// for that.
func (b *Buffer) retire(s *segment, h *head) {
	defer close(s.closed)
	for released := false; ; {
		gone := s.removed.Load() && !s.damaged.Load()
		if gone && !released {
			h.release()
			released = true
		}
		if !b.roomToClose() {
			select {
			case <-b.quit:
				return // stays as after a kill, which loses nothing
			case <-time.After(pollSpace):
			}
			continue
		}
		var err error
		if gone {
			err = h.discard()
		} else {
			err = b.closeSegment(s, h)
		}
		if err != nil {
			b.log.Warn(
				"buffer: segment did not close cleanly; it will be read as after a crash",
				"error", err, "segment", h.dir,
			)
		}
		b.mu.Lock()
		s.live = nil
		b.retiring--
		b.mu.Unlock()
		return
	}
}

// closeSegment closes the database, seals the directory and gives it its lasting name.
func (b *Buffer) closeSegment(s *segment, h *head) error {
	if err := h.close(); err != nil {
		return err
	}
	b.mu.Lock()
	copied := segment{first: s.first, end: s.end, records: s.records, appended: s.appended}
	b.mu.Unlock()
	if err := copied.writeSeal(b.opt.disk, h.dir); err != nil {
		return err
	}
	if err := b.rename(s); err != nil {
		return err
	}
	disk := diskUsage(s.dir) // nobody else renames it
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.removed.Load() {
		b.used += disk - s.disk
		s.disk = disk
	}
	return nil
}

// rename gives a segment's directory its lasting name.
func (b *Buffer) rename(s *segment) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	to := filepath.Join(b.dir, segmentDirName(s.first))
	if s.dir == to {
		return nil
	}
	if _, err := os.Lstat(to); err == nil {
		return nil // an empty segment of the same position is about to go; the name does not matter
	}
	if err := b.opt.disk.rename(s.dir, to); err != nil {
		return err
	}
	s.dir = to
	return b.opt.disk.syncDir(b.dir)
}

// trimLocked takes the segments that every cursor has passed out of the chain, and forgets batches
// that everybody has read.
func (b *Buffer) trimLocked() (removed []*segment) {
	low := b.state.minCursor(b.end)
	b.recent.trim(low)
	for len(b.segs) > 1 && b.segs[0].end <= low {
		removed = append(removed, b.segs[0])
		b.unlinkLocked()
	}
	return removed
}

// unlinkLocked takes the oldest segment out of the chain.
func (b *Buffer) unlinkLocked() {
	s := b.segs[0]
	s.removed.Store(true)
	b.used -= s.disk
	b.segs[0] = nil
	b.segs = b.segs[1:]
}

// remove deletes a segment that is out of the chain, or moves it aside if it is damaged.
func (b *Buffer) remove(s *segment) {
	b.bg.Add(1)
	go func() {
		defer b.bg.Done()
		if s.closed != nil {
			<-s.closed
		}
		b.mu.Lock()
		dir, live := s.dir, s.live
		b.mu.Unlock()
		if live != nil {
			return // could not be closed; the next start removes it
		}
		for told := false; ; told = true {
			var err error
			if s.damaged.Load() {
				err = b.moveAside(dir)
			} else {
				err = b.removeDir(dir)
			}
			if err == nil {
				return
			}
			if !told {
				b.log.Error(
					"buffer: cannot remove a segment that nobody needs any more; it is tried again",
					"error", err, "segment", dir, "do", adviceFor(err),
				)
			}
			select {
			case <-b.quit:
				return // the next start removes it
			case <-time.After(b.opt.retry):
			}
		}
	}()
}

const (
	trashPrefix = "trash-"
	damagedName = "damaged"
)

// removeDir deletes a segment's directory so that no half of it is ever taken for a segment.
func (b *Buffer) removeDir(dir string) error {
	trash := filepath.Join(b.dir, trashPrefix+filepath.Base(dir))
	if err := b.opt.disk.rename(dir, trash); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return b.opt.disk.removeAll(trash)
}

// moveAside keeps a damaged segment for a person to look at.
func (b *Buffer) moveAside(dir string) error {
	aside := filepath.Join(b.dir, damagedName)
	if err := os.MkdirAll(aside, 0o750); err != nil {
		return err
	}
	to := filepath.Join(
		aside, filepath.Base(dir)+"-"+time.Now().UTC().Format("20060102T150405.000000000"),
	)
	return b.opt.disk.rename(dir, to)
}

// damage notes that positions [from, to) of s did not read back. Caller holds mu.
func (b *Buffer) damage(s *segment, err error, from, to int64) {
	if s.removed.Load() {
		return
	}
	if from = max(from, s.lostTo); to > from {
		s.lostTo = to
		b.m.damagedRecords.Add(float64(to - from))
	}
	if !s.damaged.Swap(true) {
		b.m.damagedSegments.Inc()
		b.log.Error(
			"buffer segment is damaged: what is readable of it is delivered, then it is moved to the directory damaged",
			"segment", s.dir, "error", err, "first_lost", from, "lost", to-from,
		)
	}
}

func (b *Buffer) reportDamage(s *segment, err error, from, to int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.damage(s, err, from, to)
}
