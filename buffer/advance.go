package buffer

import (
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// A position that a cursor has merely come to is not worth a write of its own: it is stored with
// whatever is written next. Where nothing is, or a crash would repeat too much, it is written by
// itself.
const (
	// advanceWithin is how long a position waits for something to be written.
	advanceWithin = time.Second
	// advanceRecords is how many records a crash may repeat at most because their position waits.
	advanceRecords = 50_000
)

var _ record.Advancer = (*Cursor)(nil)

// Advance implements record.Advancer.
func (c *Cursor) Advance(pos int64) bool {
	b := c.b
	if b.opt.Spill || b.opt.Latency <= 0 {
		return false
	}
	b.mu.Lock()
	if !b.cursors.isOpen(c) || pos > b.end {
		b.mu.Unlock()
		return false // Commit says why
	}
	first, before := !c.advancing(), b.isAdvanceUrgent(c)
	if c.advanced = max(c.advanced, pos); first {
		c.advancedAt = time.Now()
	}
	tell := first || !before && b.isAdvanceUrgent(c)
	b.mu.Unlock()
	if tell {
		b.wakeWriter()
	}
	return true
}

// advancing reports whether there is a position to be stored. Caller holds mu.
func (c *Cursor) advancing() bool { return c.advanced > c.b.state.cursors[c.name].pos }

// isAdvanceUrgent reports whether the position of c is to be stored now: it frees the disk that
// something waits for, or is far ahead of the one that is stored. Caller holds mu.
func (b *Buffer) isAdvanceUrgent(c *Cursor) bool {
	return c.advancing() &&
		(b.space.isAwaited() || c.advanced-b.state.cursors[c.name].pos >= advanceRecords)
}

// advanceDue returns in how long the position of some cursor is to be written by itself, and
// whether that is urgent; -1 stands for never. Caller holds mu.
func (b *Buffer) advanceDue(now time.Time) (in time.Duration, isUrgent bool) {
	in = -1
	for _, c := range b.cursors.open {
		if !c.advancing() {
			continue
		}
		if b.isAdvanceUrgent(c) {
			return 0, true
		}
		if d := max(b.opt.within-now.Sub(c.advancedAt), 0); in < 0 || d < in {
			in = d
		}
	}
	return in, false
}

// delivered returns the position that every cursor has come to, stored or not. Caller holds mu.
func (b *Buffer) delivered() int64 {
	if len(b.state.cursors) == 0 {
		return 0
	}
	low := b.end
	for name, st := range b.state.cursors {
		pos := st.pos
		if c := b.cursors.open[name]; c != nil {
			pos = max(pos, c.advanced)
		}
		low = min(low, pos)
	}
	return low
}

// withAdvances adds the positions that cursors have come to, but of those that states are about.
// Caller holds mu.
func (b *Buffer) withAdvances(states []*stateOp) []*stateOp {
	for _, s := range states {
		for i := range s.changes {
			if c := &s.changes[i]; c.kind == changeCursor {
				c.pos = max(c.pos, b.state.cursors[c.name].pos)
			}
		}
	}
	for name, c := range b.cursors.open {
		if !c.advancing() ||
			slices.ContainsFunc(states, func(s *stateOp) bool { return s.about(name) }) {
			continue
		}
		states = append(
			states,
			&stateOp{isAdvance: true, done: make(chan error, 1), changes: []change{{
				kind: changeCursor, name: name, pos: c.advanced, note: b.state.cursors[name].note,
			}}},
		)
	}
	return states
}

// about reports whether s changes the cursor called name.
func (s *stateOp) about(name string) bool {
	return slices.ContainsFunc(
		s.changes,
		func(c change) bool {
			return c.name == name && (c.kind == changeCursor || c.kind == changeUncursor)
		},
	)
}
