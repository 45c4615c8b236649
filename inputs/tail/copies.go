package tail

import (
	"cmp"
	"io"
	"path/filepath"
	"slices"
	"time"
)

// copyCandidate keeps a file unread that looks like a copy being made of another one, until that
// one is truncated or the file is left alone.
type copyCandidate struct {
	of    *file
	size  int64
	since time.Time // when it last changed
	begun time.Time
	// the wake of the other one that must have been answered: it may have read what it has lost
	need uint64
	// the other one was asked whether it is truncated, which only who has it open can tell
	asked bool
}

type copyCandidates map[*file]struct{}

// findCopy looks for a copy of the content of p, made before the file was truncated, and reads what
// is new in it: one that no glob leads to, or that came after the globs were last evaluated. It
// must be found before anything is read of what was written since.
func (m *manager) findCopy(p *position) {
	if p.Head.N == 0 {
		return // every file looks like one of nothing
	}
	if !m.findCopyOf(p, p.Path) && p.real() != p.Path {
		m.findCopyOf(p, p.real())
	}
}

// findCopyOf looks beside where the file of p is or was, and reports whether there is one.
func (m *manager) findCopyOf(p *position, beside string) bool {
	dir, base := filepath.Split(beside)
	entries, err := m.readDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.Type().IsRegular() || !isRotationOf(e.Name(), base) || m.globs.excluded(path) {
			continue
		}
		fi, err := m.sys.stat(path)
		if err != nil || m.table.known(&fi) {
			continue
		}
		if m.globs.match(path) {
			if m.continueUnlisted(path, p) {
				return true
			}
			continue
		}
		if fi.size <= p.Off {
			continue
		}
		if f := m.adoptOrphan(path, p, newKey(fi.id, m.sys.now())); f != nil {
			m.run.tail.counts.recognised.Inc()
			return true
		}
	}
	return false
}

// adoptCopy deals with a new file that is a copy of what has been read, or may become one.
func (m *manager) adoptCopy(s observation, h *handle, head []byte) bool {
	dir, base := filepath.Split(s.path)
	most := m.mostKnown(s, h)
	originals := m.originals(dir, base)
	mayBe := func(x *file) bool {
		if most == nil {
			return m.looksLike(h, head, x)
		}
		last := x.last.Load()
		return (last != nil && last.Off > most.Off || x.size.Load() > most.Off) &&
			(m.looksLike(h, head, x) || m.tooShort(head, x))
	}
	if most != nil && !slices.ContainsFunc(originals, mayBe) {
		m.continueCopy(s, h, most)
		return true
	}
	for _, x := range originals {
		if !mayBe(x) && !m.looksLike(h, head, x) {
			continue
		}
		_ = h.Close()
		// what comes after it waits with it
		f := m.newFile(s, x.firstPath, newKey(s.fi.id, m.sys.now()))
		f.m.hold = &copyCandidate{
			of:    x,
			size:  s.fi.size,
			since: m.sys.now(),
			begun: m.sys.now(),
			need:  m.wake(x, cmdRead),
		}
		f.m.rotation.replaces = append(m.replacedBy(s.path), x.m.rotation.replaces...)
		m.register(f)
		m.copyCandidates[f] = struct{}{}
		return true
	}
	return false
}

// mostKnown returns the position of what the file seen is a copy of: files that went on with the
// content of others are told by the most that was read of it.
func (m *manager) mostKnown(s observation, h *handle) (most *position) {
	dir, base := filepath.Split(s.path)
	for _, of := range originalsOf(base) {
		for _, p := range slices.Concat(m.detached.byPath[dir+of], m.detached.bySource[dir+of]) {
			if (most == nil || p.Off > most.Off) && m.isCopy(s, h, p) {
				most = p
			}
		}
	}
	return most
}

// originals returns the files that one of that name may be a copy of: those at the names that it
// may have been made from, and those that were there and are rotated themselves by now.
func (m *manager) originals(dir, base string) []*file {
	var out []*file
	sources := map[string]bool{}
	for _, of := range originalsOf(base) {
		sources[dir+of] = true
	}
	for _, f := range inSeq(m.sources.families[familyOf(dir+base)]) {
		if f.compression == none && f.m.hold == nil && !f.m.ended &&
			(sources[f.firstPath] || sources[f.where()]) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b *file) int {
		return cmp.Compare(b.m.evidence.sourceSeq, a.m.evidence.sourceSeq)
	})
	return out
}

// isCopy reports whether the file seen is a copy of the content of p. Where it was copied a little
// before the truncation it may lack the very last lines that had been read.
func (m *manager) isCopy(s observation, h *handle, p *position) bool {
	known := p.fingerprints()
	var scratch [headSize]byte
	if p.Head.N == 0 {
		return false // nothing was delivered, and nothing is known of it
	}
	if s.fi.size < p.Off {
		if !p.Trunc || p.Head.isNUL() || int64(p.Head.N) != min(headSize, p.Off) ||
			s.fi.size < int64(p.Head.N) {
			return false
		}
		known.tail = fingerprint{}
	}
	same, err := known.matches(h, scratch[:])
	return err == nil && same
}

// continueCopy reads what is in a copy of the content of p beyond p.
func (m *manager) continueCopy(s observation, h *handle, p *position) {
	m.run.tail.counts.recognised.Inc()
	q := *p
	if s.fi.size < q.Off {
		q.Off, q.Skip, q.Upto = s.fi.size, false, nil
		tail := make([]byte, min(tailSize, s.fi.size))
		n, _ := h.ReadAt(tail, s.fi.size-int64(len(tail)))
		q.Tail = tailOf(tail[:n])
	}
	q.Trunc, q.Gone, q.Copy = false, 0, true
	m.resume(s, h, s.fi, &q, newKey(s.fi.id, m.sys.now()))
}

// looksLike reports whether the file that begins with head may be a copy of x as it is, or as it
// was before a truncation that is not noticed yet.
func (m *manager) looksLike(h *handle, head []byte, x *file) bool {
	var scratch [headSize]byte
	if last := x.last.Load(); last != nil && last.Head.N > 0 {
		known := last.fingerprints()
		if same, err := known.matches(h, scratch[:]); err == nil && same {
			return true
		}
	}
	if n := x.m.evidence.head.N; n > 0 && n <= len(head) &&
		fingerprintOf(head[:n]) == x.m.evidence.head {
		return true // and perhaps what it begins with is being read just now
	}
	if last := x.last.Load(); last != nil && !m.isLive(x) && last.Head.N <= len(head) &&
		fingerprintOf(head[:last.Head.N]) != last.Head {
		return false
	}
	y, fi, _ := m.openFile(x)
	if y == nil {
		return false
	}
	defer func() { _ = y.Close() }()
	if fi.size == 0 {
		return false
	}
	n, err := y.ReadAt(scratch[:], 0)
	if err != nil && err != io.EOF {
		return false
	}
	k := min(n, len(head))
	return string(scratch[:k]) == string(head[:k])
}

// tooShort reports whether what begins with head cannot be told from a copy of x yet: there is no
// more of x to be seen than what was noted of its beginning, which is longer.
func (m *manager) tooShort(head []byte, x *file) bool {
	last := x.last.Load()
	if last == nil || last.Head.N <= len(head) {
		return false
	}
	y, _, _ := m.openFile(x)
	if y != nil {
		_ = y.Close()
	}
	return y == nil
}

// longestCopy, times the patience with compressed files, is how long a file may grow that looks
// like a copy being made.
const longestCopy = 20

// tailDiffers reports whether what was last written to the file, of that size, is not what stands
// at its place in x: it is no copy of it then.
func (m *manager) tailDiffers(h *handle, size int64, x *file) bool {
	y, fi, _ := m.openFile(x)
	if y == nil {
		return false
	}
	defer func() { _ = y.Close() }()
	if last := x.last.Load(); last != nil {
		var scratch [headSize]byte
		known := last.fingerprints()
		if same, err := known.matches(y, scratch[:]); err != nil || !same {
			return false // it was truncated: what it holds now tells nothing
		}
	}
	if fi.size < size {
		return true
	}
	var a, b [tailSize]byte
	n := min(size, tailSize)
	if _, err := h.ReadAt(a[:n], size-n); err != nil && err != io.EOF {
		return false
	}
	if _, err := y.ReadAt(b[:n], size-n); err != nil && err != io.EOF {
		return false
	}
	return a != b
}
