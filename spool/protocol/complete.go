package protocol

// Which time partitions are complete is told from the notes of all partitions of a topic. All times
// are milliseconds since the Unix epoch. An event time is somebody else's clock, so none is
// believed by itself: see Clock.

const (
	// maxAhead is how far an event time may lie after the record's own.
	maxAhead = 60 * 60 * 1000
	// maxSkew is how far a sound clock may be ahead of ours.
	maxSkew = 60 * 1000
)

// Clock tells how far a log has come in event time, as it is read.
type Clock struct {
	// Idle is how long a log may give no event time before the present less Idle is taken for it; 0
	// for ever.
	Idle int64

	mark    int64 // no later record is expected to be older
	last    int64 // the event time before, which another has to confirm
	first   int64 // the earliest event time
	timedAt int64 // when the last record with an event time was read
}

// NewClock returns the clock of a log that had come to mark, and is read from now on.
func NewClock(mark, idle, now int64) Clock { return Clock{Idle: idle, mark: mark, timedAt: now} }

// Mark returns how far the log has come; 0 while that is not known.
func (c *Clock) Mark() int64 { return c.mark }

// First returns the earliest event time that was seen, 0 for none.
func (c *Clock) First() int64 { return c.first }

// Timed takes a record of event time at into account, where own is the record's own time, 0 or less
// for none. A time in the future, or after the record was made, says nothing. Any other counts once
// the next one has come as far: one record may be of a wrong clock, and while a log is behind its
// time need not be in the future.
func (c *Clock) Timed(at, own, now int64) {
	if c.first == 0 || at < c.first {
		c.first = at
	}
	if at > now+maxSkew || own > 0 && at > own+maxAhead {
		c.Untimed(own, now)
		return
	}
	c.timedAt = now
	at = min(at, now)
	c.mark, c.last = max(c.mark, min(at, c.last)), at
}

// Untimed takes a record without a usable event time into account. When there was no other for
// Idle, its own time tells where the log is.
func (c *Clock) Untimed(own, now int64) {
	if c.IsIdle(now) && own > 0 && own <= now+maxSkew {
		c.mark = max(c.mark, min(own, now)-c.Idle)
	}
}

// IsIdle reports whether there was no event time for Idle.
func (c *Clock) IsIdle(now int64) bool { return c.Idle > 0 && now-c.timedAt >= c.Idle }

// AtEnd tells that the log IsIdle and was read to its end at now.
func (c *Clock) AtEnd(now int64) { c.mark = max(c.mark, now-c.Idle) }

// Sound returns what of a stored progress can be believed: earlier releases believed times in the
// future. back is where a completion in the future goes back to.
func (p Progress) Sound(now, back int64) Progress {
	if p.Watermark > now+maxSkew {
		p.Watermark = 0
	}
	if p.Completed > now {
		p.Completed, p.HooksDone = back, 0
	}
	return p
}

// Frontier returns from where time partitions are to be completed, and to where all partitions have
// come. ok is false while that is not known, or not for the partition self to tell: the first one
// tells for all. own is its progress, notes are those of all.
func Frontier(
	self int32, own Progress, notes map[int32]Progress, now int64,
) (from, limit int64, ok bool) {
	limit, from = own.Watermark, own.Completed
	first := own.First
	for p, n := range notes {
		if p == self {
			continue
		}
		if n = n.Sound(now, 0); p < self || n.Watermark == 0 {
			return 0, 0, false
		}
		limit = min(limit, n.Watermark)
		if n.First == 0 {
			n.First = n.Completed // of an earlier release, in which each partition noted it so
		}
		if n.First > 0 && (first == 0 || n.First < first) {
			first = n.First
		}
	}
	if from == 0 {
		from = first
	}
	return from, min(limit, now), limit > 0 && from > 0
}
