package buffer

import (
	"os"
	"path/filepath"
	"time"
)

// abandon gives up a segment whose first group could not be written. Nothing in it was
// acknowledged.
func (c *chain) abandon(h *head) {
	c.mu.Lock()
	c.retiring++
	c.mu.Unlock()
	s := &segment{dir: h.dir, closed: make(chan struct{})}
	s.removed.Store(true)
	c.bg.Add(1)
	go func() {
		defer c.bg.Done()
		c.retire(s, h)
	}()
}

// retire closes the database of a segment that is no longer written. It waits until there is room
// for what is to be said of it.
func (c *chain) retire(s *segment, h *head) {
	defer close(s.closed)
	var err error
	for closed, released := false, false; ; {
		gone := s.removed.Load() && !s.damaged.Load()
		if gone && !released {
			h.release()
			released = true
		}
		if !closed && needDescriptors(c.dir.path, openDescriptors) == nil {
			closed = true
			if err = h.close(); err != nil {
				break
			}
		}
		if closed && gone {
			err = c.dir.disk.removeAll(h.dir) // where that fails remove tries again
			break
		}
		if closed {
			if err = c.seal(s, h); !isFull(err) {
				break
			}
		}
		select {
		case <-c.quit:
			return // stays as after a kill, which loses nothing
		case <-time.After(pollSpace):
		}
	}
	if err != nil {
		c.dir.log.Warn(
			"buffer: segment did not close cleanly; it will be read as after a crash", "error", err,
			"segment", h.dir, "do", adviceFor(err),
		)
	}
	c.mu.Lock()
	s.live = nil
	c.retiring--
	c.mu.Unlock()
}

// seal says in the directory of a closed segment what is in it, and gives it its lasting name.
func (c *chain) seal(s *segment, h *head) error {
	c.mu.Lock()
	copied := segment{first: s.first, end: s.end, records: s.records, appended: s.appended}
	c.mu.Unlock()
	if err := copied.writeSeal(c.dir.disk, h.dir); err != nil {
		return err
	}
	if err := c.rename(s); err != nil {
		return err
	}
	disk := diskUsage(s.dir) // nobody else renames it
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.removed.Load() {
		c.used += disk - s.disk
		s.disk = disk
	}
	return nil
}

// rename gives a segment's directory its lasting name.
func (c *chain) rename(s *segment) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := filepath.Join(c.dir.path, segmentDirName(s.first))
	if s.dir == to {
		return nil
	}
	if _, err := os.Lstat(to); err == nil {
		return nil // an empty segment of the same position is about to go; the name does not matter
	}
	if err := c.dir.disk.rename(s.dir, to); err != nil {
		return err
	}
	s.dir = to
	return c.dir.disk.syncDir(c.dir.path)
}

// remove deletes segments that are out of the chain, or moves aside those that are damaged, each in
// a goroutine of its own.
func (c *chain) remove(segs ...*segment) {
	c.mu.Lock()
	c.removing += len(segs)
	c.mu.Unlock()
	for _, s := range segs {
		c.bg.Add(1)
		go func() {
			defer c.bg.Done()
			c.removeOne(s)
		}()
	}
}

func (c *chain) removeOne(s *segment) {
	if s.closed != nil {
		<-s.closed
	}
	c.mu.Lock()
	dir, live := s.dir, s.live
	c.mu.Unlock()
	if live != nil {
		return // could not be closed; the next start removes it
	}
	for first := true; ; first = false {
		var err error
		if s.damaged.Load() {
			err = c.dir.moveAside(dir)
		} else {
			err = c.dir.remove(dir)
		}
		c.tried(first, err)
		if err == nil {
			return
		}
		if first {
			c.dir.log.Error(
				"buffer: cannot remove a segment that nobody needs any more; it is tried again",
				"error", err, "segment", dir, "do", adviceFor(err),
			)
		}
		select {
		case <-c.quit:
			return // the next start removes it
		case <-time.After(c.retry):
		}
	}
}

// tried counts what came of trying to remove a segment.
func (c *chain) tried(first bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case first && err != nil:
		c.removing--
		c.failing++
	case first:
		c.removing--
	case err == nil:
		c.failing--
	default:
		return
	}
	c.triedAt = time.Now()
}

// damage notes that positions [from, to) of s did not read back. Caller holds mu.
func (c *chain) damage(s *segment, err error, from, to int64) {
	if s.removed.Load() {
		return
	}
	if from = max(from, s.lostTo); to > from {
		s.lostTo = to
		c.m.damagedRecords.Add(float64(to - from))
	}
	if !s.damaged.Swap(true) {
		c.m.damagedSegments.Inc()
		c.dir.log.Error(
			"buffer segment is damaged: what is readable of it is delivered, then it is moved to the directory damaged",
			"segment", s.dir, "error", err, "first_lost", from, "lost", to-from,
		)
	}
}

func (c *chain) reportDamage(s *segment, err error, from, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damage(s, err, from, to)
}
