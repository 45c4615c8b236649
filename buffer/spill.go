package buffer

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// In spill mode batches that their input can read again are in the log before they are on disk.
// They stand in the window, from which readers are served. They leave it when every cursor has
// passed them, together with the positions that belong to them, in one write of state. Or they are
// spilled: written to a segment like all others. The window is the end of the log. What is on disk
// ends at Buffer.disk, and positions between there and the first one in the window are of records
// that never were.
const (
	// windowBytes bounds what is in the window, in memory: batches as they are and compressed.
	windowBytes = 32 << 20
	// stateEvery is how often positions are stored otherwise.
	stateEvery = 250 * time.Millisecond
	// spillAge is how long a batch may stay in the window.
	spillAge = 2 * time.Second
	// settleTime is how long appends go to disk at least after something came that cannot be read
	// again.
	settleTime = time.Second

	// reserveAhead is how many positions are set aside, durably, before they are used in memory.
	// After a crash what was in memory is read again and may come in another order, so it gets
	// other positions.
	reserveAhead = 1 << 22
)

// Reasons for a spill, as metrics and Stats tell them.
const (
	SpillAge     = "age"     // an output has not passed something for long
	SpillReader  = "reader"  // one output is slower than another
	SpillInput   = "input"   // something follows that cannot be read again
	SpillNote    = "note"    // an output commits what it is about to do with records
	SpillPrepare = "prepare" // an output commits elsewhere, and is not the only one
	SpillFull    = "full"    // what is on disk takes all that the buffer may
	SpillClose   = "close"
)

// LastSpill tells about the last time that records went from memory to disk.
type LastSpill struct {
	At     time.Time
	Reason string
}

// AppendReplayable is Append for a batch that input can read again from the positions it gave
// before, until it says otherwise by Spill. Without Options.Spill it is Append, but for that nobody
// waits for the outcome. Otherwise done may be called, with nil, before any of it is on disk and
// before AppendReplayable returns. What it stands for is that batch and positions are in the log.
// Positions, after a crash, never are beyond what cursors have committed or the disk holds.
func (b *Buffer) AppendReplayable(
	ctx context.Context, input string, batch *record.Batch, positions []record.Position,
	done func(error),
) error {
	return b.add(ctx, input, batch, positions, done, true)
}

// Spill has everything that is in memory alone written to disk, because what it was read from is
// about to vanish. It does not wait. reason is a word for metrics.
func (b *Buffer) Spill(reason string) {
	b.mu.Lock()
	asked := !b.window.empty() && b.window.ask(reason)
	b.mu.Unlock()
	if asked {
		b.wakeWriter()
	}
}

// fits reports whether the window can take op, and positions for it are set aside. Caller holds mu.
func (b *Buffer) fits(op *appendOp) bool {
	return b.window.fits(op) &&
		(op.batch == nil || b.assigned+int64(op.batch.Len()) <= b.state.reserved)
}

// show places op at the end of the log, in the window. Caller holds mu.
func (b *Buffer) show(op *appendOp, now time.Time) {
	op.isPublished, op.at = true, now
	if op.batch != nil {
		op.batch.At(b.assigned)
		b.books.placed(b.assigned, b.opt.clock())
		b.assigned = op.batch.End
		b.end = b.assigned
		b.recent.add(op.batch, op.weight, now.UnixMilli(), b.recentMax(), b.disk)
		b.changed.fire()
	}
	op.end = b.assigned
	b.window.add(op)
}

// recentMax is how much is kept for readers at the head: in spill mode as much as the window holds,
// since whether they keep up is seen from that.
func (b *Buffer) recentMax() int64 {
	if b.opt.Spill {
		return b.window.max
	}
	return recentBytes
}

// spill moves the window to what is about to be written; appends go to disk from here on. Caller
// holds mu.
func (b *Buffer) spill(reason string, now time.Time) {
	b.window.asked = ""
	if b.window.open {
		b.window.open = false
		b.space.wakeAll()
	}
	b.window.reopenAt = b.end
	if reason == SpillInput {
		b.window.reopenAfter = now.Add(settleTime)
	}
	if b.window.empty() {
		return
	}
	b.queue.addSpilled(b.window.takeAll())
	b.window.last = LastSpill{now, reason}
	b.m.spills.WithLabelValues(reason).Inc()
}

// safe returns the position up to which positions of inputs may be stored, once states are: what is
// before it is on disk or passed by every cursor. Caller holds mu.
func (b *Buffer) safe(states []*stateOp) int64 {
	moved := map[string]int64{}
	for _, s := range states {
		for i := range s.changes {
			if c := &s.changes[i]; c.kind == changeCursor {
				moved[c.name] = max(moved[c.name], c.pos)
			}
		}
	}
	if len(b.state.cursors) == 0 {
		return b.disk
	}
	low := b.end
	for name, c := range b.state.cursors {
		low = min(low, max(c.pos, moved[name]))
	}
	return max(low, b.disk)
}

// passed returns how many of ops, from the first on, need not be written: only their positions do.
// Caller holds mu.
func passed(ops []*appendOp, safe int64) int {
	n := 0
	for n < len(ops) && ops[n].isPublished && ops[n].end <= safe {
		n++
	}
	return n
}

// pace tells in how long the window, or commits that can wait, want a write; -1 stands for never.
// Caller holds mu.
func (b *Buffer) pace(now time.Time, sinceCommit time.Duration) time.Duration {
	if !b.opt.Spill {
		return -1
	}
	reason, d := b.window.spillDue(now, b.closed, b.state.cursors)
	if reason != "" {
		return 0
	}
	if d == 0 {
		d = -1
	}
	soon := max(b.opt.FlushInterval-sinceCommit, 0)
	if b.lowPositions() {
		return soon
	}
	if len(b.cursors.commits) == 0 && (b.window.empty() || b.window.ops[0].end > b.safe(nil)) {
		return d
	}
	every := max(b.opt.every-sinceCommit, 0)
	if b.window.wantsCommits() {
		every = soon
	}
	if d == -1 || every < d {
		d = every
	}
	return d
}

// lowPositions tells that more positions are to be set aside. Caller holds mu.
func (b *Buffer) lowPositions() bool {
	return b.opt.Spill && b.assigned+reserveAhead/2 > b.state.reserved
}

// toMemory lets appends stay in memory again once every cursor has passed what was spilled and come
// near the end. What is about to be written then is in the log at once; it returns the appends for
// which that was news. Caller holds mu.
func (b *Buffer) toMemory(now time.Time) (news []*appendOp) {
	if w := &b.window; !b.opt.Spill || w.open || b.closed || w.asked != "" ||
		now.Before(w.reopenAfter) || len(b.state.cursors) == 0 {
		return nil
	}
	low := b.state.minCursor(b.end)
	if r := &b.recent; low < b.window.reopenAt ||
		low < b.end &&
			(len(r.items) == 0 || r.items[0].batch.First > low || r.bytes > b.window.max*3/4) {
		return nil
	}
	for _, op := range b.queue.ops {
		if op.batch != nil && !op.isPublished && !op.replay {
			return nil
		}
	}
	for _, op := range b.queue.ops {
		if op.batch != nil && !op.isPublished {
			op.isPublished, op.end, op.at = true, op.batch.End, now
			b.end = op.end
			b.recent.add(op.batch, op.weight, now.UnixMilli(), b.recentMax(), b.disk)
			news = append(news, op)
		}
	}
	b.window.open = true
	b.changed.fire()
	b.space.wakeAll()
	return news
}

// memoryOnly returns the changes that belong to records up to pos and are not on disk, the last one
// of each key. Caller holds mu.
func (b *Buffer) memoryOnly(pos int64) []change {
	var cs changeSet
	for _, list := range [][]*appendOp{b.queue.ops, b.window.ops} {
		for _, op := range list {
			if op.isPublished && op.end <= pos {
				cs.add(op.changes)
			}
		}
	}
	return cs.list
}

// changeSet collects changes of positions, of which the last one of a key counts.
type changeSet struct {
	list []change
	at   map[[2]string]int
}

func (s *changeSet) add(changes []change) {
	if s.at == nil {
		s.at = map[[2]string]int{}
	}
	for _, c := range changes {
		k := [2]string{c.name, c.key}
		if i, ok := s.at[k]; ok {
			s.list[i] = c
			continue
		}
		s.at[k] = len(s.list)
		s.list = append(s.list, c)
	}
}
