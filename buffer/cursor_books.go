package buffer

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/penstock/penstock/buffer/record/tally"
)

var _ tally.Keeper = (*Cursor)(nil)

// Note implements tally.Keeper.
func (c *Cursor) Note(entries ...tally.Entry) {
	b := c.b
	if b.opt.noBooks {
		return
	}
	left := false
	b.mu.Lock()
	n := c.noted
	if n == nil {
		n = b.books.of(c.name, b.state.cursors[c.name].pos)
		c.noted = n
	}
	for _, e := range entries {
		n.add(e)
		left = left || e.Stage == tally.Replayed
	}
	if left && !b.closed {
		b.cursors.commits = append(
			b.cursors.commits, &stateOp{done: make(chan error, 1), canWait: true},
		)
	}
	b.mu.Unlock()
	if left {
		b.wakeWriter()
	}
}

// rewindBooks forgets what was noted of records that are read again.
func (c *Cursor) rewindBooks(pos int64) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if n := c.b.books.known(c.name); n != nil {
		n.rewind(pos)
	}
}

// Confirm implements tally.Keeper.
func (c *Cursor) Confirm(ctx context.Context, pos int64) error {
	b := c.b
	b.mu.Lock()
	from := b.state.cursors[c.name].pos
	end := min(pos, b.end)
	if b.cursors.unresolved.any() {
		end = min(end, b.cursors.unresolved.found) // of the others, Resolve knows
	}
	b.mu.Unlock()
	if err := c.SeekTo(from); err != nil {
		return err
	}
	for c.pos < end {
		batch, err := c.Next(ctx)
		if err != nil {
			return err
		}
		first, last := max(batch.First, from), min(batch.End, end)
		if batch.Len() == 0 || last <= first {
			continue
		}
		e := tally.Entry{Origin: batch.Origin, First: first, End: last}
		e.Records = last - first
		e.Bytes = int64(batch.Size()) * e.Records / int64(batch.Len())
		e.Stage = tally.Taken
		c.Note(e)
		e.Stage = tally.Confirmed
		c.Note(e)
	}
	return nil
}

// countedInMemory appends, to what a cursor prepares, what was read up to pos and is counted
// nowhere: should the cursor be found to be at pos after a crash, it was delivered. Caller holds
// mu.
func (b *Buffer) countedInMemory(p []byte, pos int64) []byte {
	if b.opt.noBooks {
		return p
	}
	for _, list := range [][]*appendOp{b.queue.ops, b.window.ops} {
		for _, op := range list {
			if !op.isPublished || op.end > pos || op.batch == nil {
				continue
			}
			c := change{kind: changePosition, name: booksName, key: "d" + op.batch.Origin}
			for _, n := range []int64{op.batch.First, op.read.Records, op.read.Bytes} {
				c.value = binary.AppendUvarint(c.value, uint64(n))
			}
			p = c.append(p)
		}
	}
	return p
}

// readInMemory returns what countedInMemory has put among changes of what is not on disk, and the
// others.
func readInMemory(changes []change, disk int64) (read []tally.Entry, others []change) {
	others = slices.DeleteFunc(changes, func(c change) bool {
		if c.name != booksName {
			return false
		}
		var n [3]int64
		for i, p := 0, c.value; i < len(n); i++ {
			v, w := binary.Uvarint(p)
			if w <= 0 {
				return true
			}
			n[i], p = int64(v), p[w:]
		}
		if n[0] >= disk {
			read = append(read, tally.Entry{
				Origin: c.key[1:], First: n[0], End: n[0] + n[1],
				Count: tally.Count{Records: n[1], Bytes: n[2]},
			})
		}
		return true
	})
	return read, others
}
