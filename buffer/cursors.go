package buffer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// cursors are the cursors that are open, and the changes of state that they have handed to the
// writer. Where every cursor stands durably, open or not, is in state. Buffer.mu guards it.
type cursors struct {
	open       map[string]*Cursor
	commits    []*stateOp       // in order
	asked      map[string]int64 // the newest position that was to be committed, by cursor
	unresolved unresolved       // of spill mode: what a killed run has left undecided
}

// stateOp is changes of the state that are stored together, for who waits at done.
type stateOp struct {
	changes   []change   // none: only waits for those before it
	done      chan error // capacity 1
	canWait   bool       // can wait a little
	barrier   bool       // takes effect once all records that readers may have are on disk
	isAdvance bool       // made by the writer, of what Advance was told

	// what was read and delivered without being stored, by the cursor named by; see Resolve
	read []tally.Entry
	by   string
}

func (cs *cursors) isOpen(c *Cursor) bool { return cs.open[c.name] == c }

// hasUrgent reports whether some commit cannot wait.
func (cs *cursors) hasUrgent() bool {
	return slices.ContainsFunc(cs.commits, func(s *stateOp) bool { return !s.canWait })
}

// take takes the commits out, but for those that wait for all records to be on disk, unless they
// are.
func (cs *cursors) take(allOnDisk bool) (taken []*stateOp) {
	keep := cs.commits[:0:0]
	for _, s := range cs.commits {
		if s.barrier && !allOnDisk {
			keep = append(keep, s)
			continue
		}
		taken = append(taken, s)
	}
	cs.commits = keep
	return taken
}

// putBack returns what was taken to its place.
func (cs *cursors) putBack(taken []*stateOp) { cs.commits = append(taken, cs.commits...) }

// CursorInfo describes a cursor, open or not.
type CursorInfo struct {
	Name string
	Pos  int64 // committed
	Lag  int64 // records from there to the end
	Note string
	Open bool

	Oldest time.Duration // age of the record at Pos; see Stats.OldestAge
}

// Cursor opens the cursor called name. A new one starts at the oldest record kept, and is durable
// before Cursor returns: from then on it holds what it has not passed, opened or not, until Forget.
// A cursor can be open once at a time.
func (b *Buffer) Cursor(name string) (*Cursor, error) {
	if name == "" {
		return nil, errors.New("a cursor needs a name")
	}
	b.mu.Lock()
	if _, open := b.cursors.open[name]; open {
		b.mu.Unlock()
		return nil, fmt.Errorf("cursor %q is open already", name)
	}
	c := &Cursor{b: b, name: name}
	b.cursors.open[name] = c
	st, ok := b.state.cursors[name]
	isAsked := ok && b.cursors.asked[name] > st.pos
	b.mu.Unlock()
	if isAsked {
		b.awaitAsked()
	}
	b.mu.Lock()
	st, ok = b.state.cursors[name]
	if !ok {
		st.pos = b.chain.first(b.end)
	}
	headless := b.headless
	b.mu.Unlock()
	c.pos = st.pos
	if !ok && headless {
		c.Close()
		return nil, fmt.Errorf("cursor %q is new: %w", name, errNoSpace)
	}
	if !ok {
		op := &stateOp{done: make(chan error, 1), changes: []change{
			{kind: changeCursor, name: name, pos: st.pos}, booksBegin(name, st.pos),
		}}
		if err := b.submit(context.Background(), op); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// askedWithin is how long a cursor that is opened waits for what was asked of the one before it. A
// disk that takes longer must not hold up what reads.
const askedWithin = time.Second

// awaitAsked waits for commits that nobody waits for any more: who goes on from the position before
// them would count anew what is stored as counted with them.
func (b *Buffer) awaitAsked() {
	ctx, cancel := context.WithTimeout(context.Background(), askedWithin)
	defer cancel()
	_ = b.submit(ctx, &stateOp{done: make(chan error, 1), barrier: b.opt.Spill})
}

// change makes one change to the state durable.
func (b *Buffer) change(ctx context.Context, c change) error {
	return b.submit(ctx, &stateOp{changes: []change{c}, done: make(chan error, 1)})
}

// submit hands op to the writer and waits until it is durable.
func (b *Buffer) submit(ctx context.Context, op *stateOp) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	b.cursors.commits = append(b.cursors.commits, op)
	for i := range op.changes {
		if c := &op.changes[i]; c.kind == changeCursor {
			b.cursors.asked[c.name] = c.pos
		}
	}
	b.mu.Unlock()
	b.wakeWriter()
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cursors lists all cursors by name.
func (b *Buffer) Cursors() []CursorInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cursorsLocked()
}

func (b *Buffer) cursorsLocked() []CursorInfo {
	out := make([]CursorInfo, 0, len(b.state.cursors))
	for name, c := range b.state.cursors {
		_, open := b.cursors.open[name]
		lag := b.lagLocked(c.pos)
		out = append(
			out,
			CursorInfo{
				Name:   name,
				Pos:    c.pos,
				Lag:    lag,
				Note:   c.note,
				Open:   open,
				Oldest: b.ageLocked(c.pos),
			},
		)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// lagLocked returns how many records there are from pos on.
func (b *Buffer) lagLocked(pos int64) (n int64) {
	n = b.chain.records(pos)
	for i := b.recent.search(max(pos, b.disk)); i < len(b.recent.items); i++ {
		batch := b.recent.items[i].batch
		n += min(int64(batch.Len()), batch.End-pos)
	}
	return n
}

// Forget drops a cursor that is not open, and with it what it alone has held.
func (b *Buffer) Forget(name string) error {
	b.mu.Lock()
	_, open := b.cursors.open[name]
	_, ok := b.state.cursors[name]
	b.mu.Unlock()
	switch {
	case open:
		return fmt.Errorf("cursor %q is open", name)
	case !ok:
		return fmt.Errorf("no cursor %q", name)
	}
	return b.change(context.Background(), change{kind: changeUncursor, name: name})
}
