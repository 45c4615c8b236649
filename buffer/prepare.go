package buffer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/buffer/record"
)

// prepared is what a restart needs to go on at a position that was about to be committed elsewhere,
// when the records before it are not on disk.
type prepared struct {
	pos     int64
	changes []byte // of inputs' positions, encoded
}

// unresolved are what cursors had prepared when the last run was killed: whether it was committed
// elsewhere is not known yet. Until it is, nothing is appended, and nobody passes the positions
// found on disk. Buffer.mu guards it.
type unresolved struct {
	byCursor map[string][]prepared
	none     chan struct{} // closed once there are none; made by Open
	found    int64         // after the last record that Open found on disk
}

func (l *unresolved) begin(prepared map[string][]prepared) {
	if l.byCursor = maps.Clone(prepared); !l.any() {
		close(l.none)
	}
}

func (l *unresolved) any() bool { return len(l.byCursor) > 0 }

// resolve forgets those of the cursor called name, and reports whether they were the last ones.
func (l *unresolved) resolve(name string) (last bool) {
	if _, ok := l.byCursor[name]; !ok {
		return false
	}
	if delete(l.byCursor, name); l.any() {
		return false
	}
	close(l.none)
	return true
}

var _ record.Preparer = (*Cursor)(nil)

// Prepare implements record.Preparer. Records on disk need nothing. With several cursors, what is
// in memory up to pos is written first.
func (c *Cursor) Prepare(ctx context.Context, pos int64) error {
	b := c.b
	b.mu.Lock()
	if !b.cursors.isOpen(c) {
		b.mu.Unlock()
		return fmt.Errorf("cursor %q: %w", c.name, record.ErrFenced)
	}
	if pos > b.end {
		b.mu.Unlock()
		return fmt.Errorf("cursor %q: prepare %d beyond the end, %d", c.name, pos, b.end)
	}
	op := &stateOp{done: make(chan error, 1)}
	switch {
	case pos <= b.disk:
		b.mu.Unlock()
		return nil
	case len(b.state.cursors) > 1:
		// The others have not delivered what this one has.
		b.window.ask(SpillPrepare)
		op.barrier = true
	default:
		var p []byte
		for _, ch := range b.memoryOnly(pos) {
			p = ch.append(p)
		}
		p = b.countedInMemory(p, pos)
		op.changes = []change{{kind: changePrepare, name: c.name, pos: pos, value: p}}
	}
	b.mu.Unlock()
	return b.submit(ctx, op)
}

// Unresolved implements record.Preparer.
func (c *Cursor) Unresolved() []int64 {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	var out []int64
	for _, p := range c.b.cursors.unresolved.byCursor[c.name] {
		out = append(out, p.pos)
	}
	return out
}

// Resolve implements record.Preparer.
func (c *Cursor) Resolve(ctx context.Context, pos int64) error {
	return c.b.resolve(ctx, c.name, pos)
}

// Abandon resolves what a cursor that nobody reads any more has left: as not committed, so that it
// is read again.
func (b *Buffer) Abandon(name string) error { return b.resolve(context.Background(), name, -1) }

func (b *Buffer) resolve(ctx context.Context, name string, pos int64) error {
	b.mu.Lock()
	list, ok := b.cursors.unresolved.byCursor[name]
	st := b.state.cursors[name]
	pos = min(pos, b.end) // of an older copy of the directory, the rest is gone
	b.mu.Unlock()
	if !ok {
		return nil
	}
	op := &stateOp{
		done:    make(chan error, 1),
		changes: []change{{kind: changeUnprepare, name: name}},
	}
	var best *prepared
	for i := range list {
		if list[i].pos <= pos && (best == nil || list[i].pos > best.pos) {
			best = &list[i]
		}
	}
	if best != nil && best.pos > b.cursors.unresolved.found {
		// Nothing that was read after it is on disk, so these are the newest positions.
		changes, err := decodeChanges(best.changes)
		if err != nil {
			return fmt.Errorf("cursor %q: %w", name, err)
		}
		op.read, changes = readInMemory(changes, b.cursors.unresolved.found)
		op.by = name
		op.changes = append(op.changes, changes...)
	}
	if pos > st.pos {
		op.changes = append(
			op.changes, change{kind: changeCursor, name: name, pos: pos, note: st.note},
		)
	}
	if err := b.submit(ctx, op); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cursors.unresolved.resolve(name) {
		b.space.wakeAll()
		b.changed.fire()
	}
	return nil
}

// Resolved returns a channel that is closed once no cursor has anything left to resolve: until then
// positions of inputs may not be the latest, and Append waits.
func (b *Buffer) Resolved() <-chan struct{} { return b.cursors.unresolved.none }

// UnresolvedCursors names the cursors that Resolved waits for.
func (b *Buffer) UnresolvedCursors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for name := range b.cursors.unresolved.byCursor {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
