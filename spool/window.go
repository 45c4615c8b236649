package spool

import (
	"sort"
	"sync"
)

// window reads chunks for files that are uploaded one after the other in the order in which they
// were spilled: what is read for one of them is soon wanted for the next. Each run of chunks has
// what was read last, and before that, since several files are under way. Safe for concurrent use.
type window struct {
	c    *cut
	size int // of what is read at a time
	runs []windowRun
}

type windowRun struct {
	mu     sync.Mutex
	now    windowPart
	before windowPart
}

type windowPart struct {
	off int64
	p   []byte // of the pool
}

// Of each run up to mostWindow is read at a time, and up to allWindows of all together. Where that
// is less than leastWindow for each, there is little to gain.
const (
	mostWindow, leastWindow = 32 << 10, 8 << 10
	allWindows              = 512 << 10
)

// newWindow returns nil if there is nothing to gain.
func (c *cut) newWindow() *window {
	size := mostWindow
	for size*len(c.runs) > allWindows {
		size /= 2
	}
	if len(c.runs) == 0 || size < leastWindow {
		return nil
	}
	return &window{c: c, size: size, runs: make([]windowRun, len(c.runs))}
}

// read makes dst the rows of a chunk.
func (w *window) read(dst []byte, p chunk) error {
	i := sort.Search(len(w.c.runs), func(i int) bool { return w.c.runs[i] > p.off }) - 1
	r := &w.runs[i]
	r.mu.Lock()
	defer r.mu.Unlock()
	packed := r.now.find(p)
	if packed == nil {
		packed = r.before.find(p)
	}
	if packed == nil {
		part := &r.now
		if p.off > r.now.off || r.now.p == nil {
			r.now, r.before = r.before, r.now
		} else {
			part = &r.before // of a file that is behind the others
		}
		if err := part.fill(w, p.off, w.end(i)); err != nil {
			return err
		}
		packed = part.find(p)
	}
	return p.unpack(dst, packed)
}

// end returns where a run ends.
func (w *window) end(i int) int64 {
	if i+1 < len(w.c.runs) {
		return w.c.runs[i+1]
	}
	return w.c.chunks.size()
}

func (p *windowPart) find(c chunk) []byte {
	at := c.off - p.off
	if at < 0 || at+int64(c.n) > int64(len(p.p)) {
		return nil
	}
	return p.p[at:][:c.n]
}

func (p *windowPart) fill(w *window, off, end int64) error {
	if p.p == nil {
		p.p = w.c.a.buffers.get(w.size)
	}
	p.off, p.p = off, p.p[:min(int64(w.size), end-off)]
	if err := w.c.readAt(w.c.chunks, p.p, off); err != nil {
		p.p = p.p[:0]
		return err
	}
	return nil
}

// close gives the memory back. Nobody reads any more.
func (w *window) close() {
	if w == nil {
		return
	}
	for i := range w.runs {
		w.c.a.buffers.put(w.runs[i].now.p)
		w.c.a.buffers.put(w.runs[i].before.p)
	}
}
