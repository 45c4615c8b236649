package buffer

import (
	"slices"
	"sync"
	"time"
)

// chain is the segments on disk, in order, and what becomes of those that leave it. The head is
// closed once there is another one, and what every cursor has passed is removed, or moved aside.
//
// Buffer.mu guards what changes in it, and segments. Methods are called with it held, but for those
// that close and remove (retire.go): these work on the disk, and take it where they need it.
type chain struct {
	dir   *directory
	m     *metrics
	retry time.Duration   // after a removal that failed
	quit  <-chan struct{} // closed when the buffer is closed
	bg    sync.WaitGroup  // segments being opened, closed and removed

	mu       *sync.Mutex // Buffer.mu
	segs     []*segment  // never empty once the buffer is open; the last is the head, if any
	used     int64       // disk of all segments but the head, and what is written to the head
	retiring int         // segments whose database is being closed
	removing int         // segments out of the chain that nobody has tried to remove yet
	failing  int         // those that could not be removed, which is tried again
	triedAt  time.Time   // when either last became less
	dropped  int64       // below this position, records were dropped by policy
}

// add makes s the head.
func (c *chain) add(s *segment) {
	c.segs = append(c.segs, s)
	c.used += s.disk
}

// grow notes that the head takes disk bytes.
func (c *chain) grow(head *segment, disk int64) {
	c.used += disk - head.disk
	head.disk = disk
}

// first returns the oldest position kept, in a log that ends at end.
func (c *chain) first(end int64) int64 { return min(c.segs[0].first, end) }

// find returns the index of the first segment that ends after pos.
func (c *chain) find(pos int64) int {
	lo, hi := 0, len(c.segs)
	for lo < hi {
		if mid := (lo + hi) / 2; c.segs[mid].end > pos {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// records returns how many there are from pos on.
func (c *chain) records(pos int64) (n int64) {
	for _, s := range c.segs[c.find(pos):] {
		n += min(s.records, s.end-max(pos, s.first))
	}
	return n
}

// dense reports whether records is exact from pos on: no segment there has positions that hold
// nothing.
func (c *chain) dense(pos int64) bool {
	for _, s := range c.segs[c.find(pos):] {
		if s.records != s.end-s.first {
			return false
		}
	}
	return true
}

// newestHoldsState reports whether the newest segment, while there is no head, is all that the next
// start needs to know the state.
func (c *chain) newestHoldsState() bool { return !c.segs[len(c.segs)-1].damaged.Load() }

// trim takes the segments that end at or before pos out of the chain, but for the head.
func (c *chain) trim(pos int64) (removed []*segment) {
	for len(c.segs) > 1 && c.segs[0].end <= pos {
		removed = append(removed, c.unlink())
	}
	return removed
}

// unlink takes the oldest segment out of the chain.
func (c *chain) unlink() *segment {
	s := c.segs[0]
	s.removed.Store(true)
	c.used -= s.disk
	c.segs[0] = nil
	c.segs = c.segs[1:]
	return s
}

// unlinkEmpty takes out what holds no record, but for the head.
func (c *chain) unlinkEmpty() (removed []*segment) {
	head := c.segs[len(c.segs)-1]
	c.segs = slices.DeleteFunc(c.segs, func(s *segment) bool {
		if s == head || s.records > 0 {
			return false
		}
		s.removed.Store(true)
		c.used -= s.disk
		removed = append(removed, s)
		return true
	})
	return removed
}
