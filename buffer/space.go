package buffer

import "time"

// space says whether there is room for another append, and knows those that wait for some. What is
// in use is counted by who uses it (see Buffer.taken). Buffer.mu guards it.
type space struct {
	limit int64 // of what may be taken; 0: none
	ahead int64 // disk that is allocated, and not written yet

	// the floor or the end of the disk was hit, or a segment cannot be begun
	low      bool
	writeErr error // why the last commit of data failed; nil after one that did not

	freed   signal        // there may be room
	wanted  int64         // encoded size of the largest append that waits
	blocked int           // appends that wait
	since   time.Time     // when blocked left 0
	waited  time.Duration // with blocked above 0, until it was last 0
}

// fits reports whether n more bytes may be accepted when taken bytes are in use.
func (s *space) fits(taken, n int64) bool { return !s.low && !s.over(taken, n) }

// over reports whether n bytes more than taken are over the limit, whatever the disk says.
func (s *space) over(taken, n int64) bool { return s.limit > 0 && taken+n > s.limit }

// isAwaited reports whether something waits for disk that cursors may free.
func (s *space) isAwaited() bool { return s.blocked > 0 || s.low }

// block counts an append of n bytes among those that wait, and reports whether it is the first.
// unblock goes with it.
func (s *space) block(n int64) (first bool) {
	if first = s.blocked == 0; first {
		s.since = time.Now()
	}
	s.blocked++
	s.wanted = max(s.wanted, n)
	return first
}

func (s *space) unblock() {
	if s.blocked--; s.blocked == 0 {
		s.waited += time.Since(s.since)
	}
}

// blockedFor returns the time with an append that waited.
func (s *space) blockedFor() time.Duration {
	if s.blocked > 0 {
		return s.waited + time.Since(s.since)
	}
	return s.waited
}

// wakeAll lets all appends that wait, for room on disk or in memory, look again.
func (s *space) wakeAll() {
	s.freed.fire()
	s.wanted = 0
}

// fill returns the share in use of what may be: 1 and above is full.
func (s *space) fill(taken int64) float64 {
	fill := 0.0
	if s.limit > 0 {
		fill = float64(taken) / float64(s.limit)
	}
	if s.isAwaited() {
		fill = max(fill, 1)
	}
	return fill
}
