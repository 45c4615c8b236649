package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// Cursor is one reader's place in a buffer: a record.Log, Filler, Ender and Refresher. Next and
// SeekTo belong to one goroutine.
type Cursor struct {
	b    *Buffer
	name string

	// of the reader
	pos     int64
	pending []*record.Batch // of the group read last from disk
	seg     *segment        // acquired

	// guarded by Buffer.mu
	advanced   int64     // what Advance was told
	advancedAt time.Time // when it was told that first, of what is not stored yet
	noted      *unstoredEntries
}

var (
	_ record.Log       = (*Cursor)(nil)
	_ record.Filler    = (*Cursor)(nil)
	_ record.Ender     = (*Cursor)(nil)
	_ record.Refresher = (*Cursor)(nil)

	_ record.Identifier = (*Cursor)(nil)
)

// Close gives the cursor back, keeping its place. The reader has returned from Next.
func (c *Cursor) Close() {
	c.leaveSegment()
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.b.cursors.isOpen(c) {
		delete(c.b.cursors.open, c.name)
	}
}

func (c *Cursor) Name() string  { return c.name }
func (c *Cursor) Fill() float64 { return c.b.Fill() }
func (c *Cursor) End() int64    { return c.b.End() }

// Identity implements record.Identifier. A buffer that is opened again is another one: of what it
// had in memory alone, the positions may be taken by other records then.
func (c *Cursor) Identity() any { return c.b.done }

// Committed returns the durable position and note.
func (c *Cursor) Committed() (int64, string) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	st := c.b.state.cursors[c.name]
	return st.pos, st.note
}

// Commit stores pos and note durably. In spill mode a commit of a position in memory waits for
// others, a moment, unless one was prepared, and one that changes the note for all records to be on
// disk. After records were dropped by policy, a pos among them stands for the oldest one kept, and
// one behind what Advance has had stored for that.
func (c *Cursor) Commit(ctx context.Context, pos int64, note string) error {
	if len(note) > record.MaxNote {
		return fmt.Errorf("note of %d bytes is over the limit of %d", len(note), record.MaxNote)
	}
	b := c.b
	b.mu.Lock()
	open := b.cursors.isOpen(c)
	st := b.state.cursors[c.name]
	end, dropped, advanced := b.end, b.chain.dropped, c.advanced
	b.mu.Unlock()
	if !open {
		return fmt.Errorf("cursor %q: %w", c.name, record.ErrFenced)
	}
	if pos < st.pos && st.pos <= max(dropped, advanced) {
		pos = st.pos
	}
	if pos < st.pos || pos > end {
		return fmt.Errorf("cursor %q: commit of %d outside of %d to %d", c.name, pos, st.pos, end)
	}
	op := &stateOp{
		changes: []change{{kind: changeCursor, name: c.name, pos: pos, note: note}},
		done:    make(chan error, 1),
	}
	if b.opt.Spill {
		b.mu.Lock()
		switch {
		case note != st.note && b.disk < b.end:
			// What a note says is about to be done with records must find them after a crash.
			b.window.ask(SpillNote)
			op.barrier = true
		case note == st.note:
			// What was prepared is committed elsewhere by now: should that be forgotten there, it
			// is known here alone.
			op.canWait = pos > b.disk && len(b.state.prepared[c.name]) == 0
		}
		b.mu.Unlock()
	}
	return b.submit(ctx, op)
}

// Refresh waits for commits whose outcome is unknown, because their context ended, and returns what
// is stored.
func (c *Cursor) Refresh(ctx context.Context) (pos int64, note string, err error) {
	if err := c.b.submit(ctx, &stateOp{done: make(chan error, 1)}); err != nil {
		return 0, "", err
	}
	pos, note = c.Committed()
	return pos, note, nil
}

// SeekTo makes the next Next return the batch that holds pos, or the first one after it.
func (c *Cursor) SeekTo(pos int64) error {
	if pos < 0 {
		return fmt.Errorf("cursor %q: seek to %d", c.name, pos)
	}
	c.pos = pos
	c.pending = nil
	c.rewindBooks(pos)
	return nil
}

// Next returns the next batch, waiting for one. Batches at the head come from memory.
func (c *Cursor) Next(ctx context.Context) (*record.Batch, error) {
	for {
		if b := c.takePending(); b != nil {
			return b, nil
		}
		batch, seg, wait, err := c.locate()
		switch {
		case err != nil:
			return nil, err
		case batch != nil:
			c.leaveSegment()
			c.pos = batch.End
			return batch, nil
		case seg != nil:
			c.readGroup(seg)
			continue
		}
		c.leaveSegment()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Cursor) takePending() *record.Batch {
	for len(c.pending) > 0 {
		batch := c.pending[0]
		c.pending[0] = nil
		c.pending = c.pending[1:]
		if batch.End > c.pos {
			c.pos = batch.End
			return batch
		}
	}
	return nil
}

// locate finds where the record at c.pos is: in memory, in a segment, or not there yet.
func (c *Cursor) locate() (batch *record.Batch, seg *segment, wait <-chan struct{}, err error) {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, nil, ErrClosed
	}
	if !b.cursors.isOpen(c) {
		return nil, nil, nil, fmt.Errorf("cursor %q: %w", c.name, record.ErrFenced)
	}
	if batch := b.recent.find(c.pos); batch != nil {
		return batch, nil, nil, nil
	}
	// What may have been delivered from memory by the last run: nobody passes it before that is
	// known, since the positions of inputs that belong to it are still needed. Nothing is appended
	// before, either.
	unresolved := b.cursors.unresolved.any() && c.pos >= b.cursors.unresolved.found
	if i := b.chain.find(c.pos); i < len(b.chain.segs) && !unresolved {
		s := b.chain.segs[i]
		if s.first > c.pos {
			return gap(c.pos, s.first), nil, nil, nil // dropped, or lost with a damaged segment
		}
		if c.seg != s {
			// Opened under the lock, because closing a segment renames its directory.
			if err := s.acquire(b.dir.disk, s.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, nil, nil, fmt.Errorf("open segment: %w", err)
			} else if err != nil {
				b.chain.damage(s, err, c.pos, s.end)
				return gap(c.pos, s.end), nil, nil, nil
			}
			c.leaveSegment()
			c.seg = s
		}
		return nil, s, nil, nil
	}
	if c.pos < b.end && !unresolved {
		// Between what is on disk and what is in memory alone; what was there, every cursor has
		// passed.
		if i := b.recent.search(c.pos); i < len(b.recent.items) {
			return b.recent.items[i].batch, nil, nil, nil
		}
		return gap(c.pos, b.end), nil, nil, nil
	}
	if b.sealed && b.assigned == b.end && !unresolved {
		return nil, nil, nil, io.EOF
	}
	return nil, nil, b.changed.wait(), nil
}

// gap is what a reader gets for positions that hold nothing.
func gap(first, end int64) *record.Batch {
	b := record.FromRecords("", "", nil)
	b.First, b.End = first, end
	return b
}

func (c *Cursor) leaveSegment() {
	if c.seg != nil {
		c.seg.release()
		c.seg = nil
	}
}

// readGroup reads the next group of seg into c.pending.
func (c *Cursor) readGroup(seg *segment) {
	b := c.b
	b.mu.Lock()
	end := seg.end
	b.mu.Unlock()
	batches, h, next, err := seg.read(c.pos, end)
	if err != nil && seg.removed.Load() {
		c.leaveSegment() // dropped while it was read
		return
	}
	if h.appended > 0 {
		b.mu.Lock()
		b.recent.appended.add(h.first, h.appended)
		b.mu.Unlock()
	}
	size := 0
	at := c.pos
	for _, batch := range batches {
		if err != nil && batch.First > at {
			b.chain.reportDamage(seg, err, at, batch.First)
		}
		at = max(at, batch.End)
		size += batch.Size()
	}
	if err != nil {
		b.chain.reportDamage(seg, err, at, next)
	}
	b.m.diskReadBytes.Add(float64(size))
	c.pending = batches
	if len(batches) == 0 || batches[len(batches)-1].End <= c.pos {
		c.pending = []*record.Batch{gap(c.pos, next)} // the rest of the group did not read back
	}
}
