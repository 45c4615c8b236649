package tail

import "time"

// system is what the tail asks of the machine: what time it is, and what is at a path. With a clock
// of its own, a test tells what the times of files are by that.
type system struct {
	clock func() time.Time // nil: the real one
	times func(*fileInfo)  // sets those of a file; nil: as the file system has them
}

func (s *system) now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now()
}

func (s *system) since(t time.Time) time.Duration { return s.now().Sub(t) }

func (s *system) stat(path string) (fileInfo, error) { return s.timed(statPath(path)) }

// open is openHandle.
func (s *system) open(path string) (*handle, fileInfo, error) {
	h, fi, err := openHandle(path)
	if err == nil && s.times != nil {
		s.times(&fi)
	}
	return h, fi, err
}

func (s *system) statOpen(h *handle) (fileInfo, error) { return s.timed(h.stat()) }

func (s *system) timed(fi fileInfo, err error) (fileInfo, error) {
	if err == nil && s.times != nil {
		s.times(&fi)
	}
	return fi, err
}
