package tail

import (
	"bytes"
	"io"
)

// A program that does not append goes on where it was when its file is truncated, as copytruncate
// does it: what lies before is a hole, that reads as NULs. They stand for nothing. A hole that the
// file system knows of is passed wherever a line begins, and plain NULs at the beginning of what a
// truncation has left, unless they end lines. What is not followed by anything yet is not passed:
// it may be disk allocated ahead, and be written to.

// hole is what was found at a file's offset.
type hole uint8

const (
	noHole   hole = iota
	openHole      // NULs up to the end of the file
	passed        // something follows
)

// passHole moves the file's offset, where there is a NUL, behind the hole if that is one.
func (w *worker) passHole(f *file) (hole, error) {
	r := &f.r
	kind, to, err := w.holeAt(r, r.off)
	if err != nil || kind != passed {
		return kind, err
	}
	if to -= (to - r.off) % w.unit; to == r.off {
		return noHole, nil // half a character
	}
	w.skippedHole(f, to-r.off)
	r.off, r.tail = to, tailOf(nuls[:min(to, tailSize)])
	return passed, nil
}

// holeAt tells whether the NULs at off are a hole, and where they end.
func (w *worker) holeAt(r *readState, off int64) (hole, int64, error) {
	at, known := w.data(r, off)
	if !known && r.sparse {
		at, known = w.holeAfterPage(r, off)
	}
	if plain := r.truncated && off == 0 && (!w.hasNULs || w.unit > 1); !known && !plain {
		return noHole, off, nil
	}
	if w.scratch == nil {
		w.scratch = make([]byte, largestPage)
	}
	for {
		n, err := r.h.ReadAt(w.scratch, at)
		if err != nil && err != io.EOF {
			return noHole, off, err
		}
		if i := firstNonNUL(w.scratch[:n]); i < n {
			return passed, at + int64(i), nil
		}
		if err == io.EOF {
			return openHole, at + int64(n), nil
		}
		at, _ = w.data(r, at+int64(n))
	}
}

// data returns where there is data at or after off, and whether off is known to lie in a hole.
func (w *worker) data(r *readState, off int64) (int64, bool) {
	if w.run.tail.blind {
		return off, false
	}
	return seekData(r.h.fd, off)
}

// largestPage is that of a file system's cache, or its block.
const largestPage = 64 << 10

// holeAfterPage returns where there is data again, if what is left of the page at off is NULs, and
// a hole follows.
func (w *worker) holeAfterPage(r *readState, off int64) (int64, bool) {
	to := seekHole(r.h.fd, off)
	if w.run.tail.blind || to <= off || to > off+largestPage {
		return off, false
	}
	rest := make([]byte, to-off)
	if n, _ := r.h.ReadAt(rest, off); n < len(rest) || firstNonNUL(rest) < n {
		return off, false
	}
	at, _ := w.data(r, to)
	return at, true
}

// beforeHole returns how much of b, read from a sparse file, comes before the next hole that
// follows a line, or that ends the file. open: it ends the file.
func (w *worker) beforeHole(r *readState, b []byte) (n int, open bool, err error) {
	if i := bytes.Index(b, w.endNUL); i >= 0 {
		return i + len(w.endNUL) - 1, false, nil
	}
	last := 0
	if i := bytes.LastIndex(b, w.endNUL[:len(w.endNUL)-1]); i >= 0 {
		last = i + len(w.endNUL) - 1
	}
	i := bytes.IndexByte(b[last:], 0)
	if i < 0 {
		return len(b), false, nil
	}
	kind, _, err := w.holeAt(r, r.off+int64(last+i))
	if kind == openHole {
		return last + i, true, err
	}
	return len(b), false, err
}

func firstNonNUL(b []byte) int {
	for i := 0; i < len(b); i += len(nuls) {
		chunk := b[i:min(len(b), i+len(nuls))]
		if bytes.Equal(chunk, nuls[:len(chunk)]) {
			continue
		}
		for j, c := range chunk {
			if c != 0 {
				return i + j
			}
		}
	}
	return len(b)
}

var nuls [4096]byte

// isNUL reports whether p is the fingerprint of nothing but NULs, which tells files apart no more
// than none.
func (p fingerprint) isNUL() bool { return p.N > 0 && p == fingerprintOf(nuls[:p.N]) }

// skippedHole counts a hole, and logs once for each source that it has some.
func (w *worker) skippedHole(f *file, size int64) {
	w.run.tail.counts.holes.Add(float64(size))
	w.run.mu.Lock()
	logged := w.run.holesLogged[f.firstPath]
	w.run.holesLogged[f.firstPath] = true
	w.run.mu.Unlock()
	if !logged {
		w.run.tail.log.Warn(
			"a hole in a file is skipped: its writer goes on where it was before the file was truncated",
			"path", f.where(), "bytes", size,
			"do", "have the program open its log for appending (O_APPEND, >> in a shell), or rotate by renaming",
		)
	}
}
