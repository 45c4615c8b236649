package tail

import (
	"bytes"
	"path/filepath"
	"slices"
)

// A file that others have put in the place of one, and that begins as that one did, is read on
// where that one was left: what editors, rsync and configuration management write anew, and then
// rename, and what was restored from a copy. The evidence is that the content up to the offset is
// the same, and that the old file is no longer there: a new log may well begin as the one before it
// did.

// mostCompared bounds how much of two files is read to order them by what is in them.
const mostCompared = 64 << 10

// replacedBy returns what has left the path of a new file in this look, or a path that it was
// rotated from since.
func (m *manager) replacedBy(path string) (left []*file) {
	dir, base := filepath.Split(path)
	for _, of := range append([]string{base}, originalsOf(base)...) {
		if x := m.looks.replaced[dir+of]; x != nil && len(x.m.names) == 0 &&
			x.compression == none && !x.beingRemoved() {
			left = append(left, x)
		}
	}
	return left
}

// succeed notes that the file of f is known as g now.
func (m *manager) succeed(f, g *file) {
	for c := range m.gz.undecided[f.m.family] {
		if c.m.gz.beside == f {
			c.m.gz.beside = g
		}
		if c.m.gz.formOf == f {
			c.m.gz.formOf = g
		}
	}
	for _, x := range m.sources.streams[f.firstPath] {
		if i := slices.Index(x.m.rotation.replaces, f); i >= 0 {
			x.m.rotation.replaces[i] = g
		}
	}
}

// goesOn reports whether g, which stands where f was, goes on with the content of f.
func (m *manager) goesOn(g, f *file) bool {
	if !slices.Contains(g.m.rotation.replaces, f) || g.m.started || g.compression != none ||
		f.beingRemoved() {
		return false
	}
	last := f.last.Load()
	if last == nil || last.Off == 0 {
		return false
	}
	// The names that the old file has are known from who has it open, or from its old neighbours.
	n := f.links.Load()
	if !f.isOpen.Load() && n > 1 {
		n = 0 // that was long ago
	}
	if n > 1 || n == 0 && m.stillThere(f) {
		return false
	}
	if gone := f.changed.Load(); n == 1 && gone != 0 && g.birth > gone && last.Off <= headSize {
		return false // it was made when the old one was gone: it may be a copy of a copy, or none
	}
	h := g.r.h // no worker has it; where it was another may be by now
	if h == nil {
		if h, _, _ = m.openFile(g); h == nil {
			return false
		}
		defer func() { _ = h.Close() }()
	}
	if fi, err := m.sys.statOpen(h); err != nil || fi.size < last.Off {
		return false
	}
	var scratch [headSize]byte
	known := last.fingerprints()
	same, err := known.matches(h, scratch[:])
	return err == nil && same
}

// beginsWith reports whether g begins with all that is in f, neither of which is being read.
func (m *manager) beginsWith(g, f *file) bool {
	if g.m.started || f.m.started || g.compression != none || f.compression != none {
		return false
	}
	var all [2][]byte
	for i, x := range []*file{f, g} {
		h := x.r.h
		if h == nil {
			if h, _, _ = m.openFile(x); h == nil {
				return false
			}
			defer func() { _ = h.Close() }()
		}
		fi, err := m.sys.statOpen(h)
		if err != nil || i == 0 && (fi.size == 0 || fi.size > mostCompared) {
			return false
		}
		all[i] = make([]byte, min(fi.size, mostCompared))
		if n, _ := h.ReadAt(all[i], 0); n < len(all[i]) {
			return false
		}
	}
	return bytes.HasPrefix(all[1], all[0])
}

// stillThere reports whether f is to be found among its old neighbours.
func (m *manager) stillThere(f *file) bool {
	_, there, err := m.nearby(f.id, f.birth, f.where(), f.realPath())
	return there || err != nil
}

// continueReplaced sets where to begin in f, which is about to be started, if it goes on with what
// was at its path before. All of that has been read and appended.
func (m *manager) continueReplaced(f *file) {
	var x *file
	for _, left := range f.m.rotation.replaces {
		if (x == nil || left.delivered.Load() > x.delivered.Load()) && m.goesOn(f, left) {
			x = left
		}
	}
	if x != nil {
		m.log.Info(
			"a file was replaced by one that goes on with its content; it is read on where that was left",
			"path", f.where(), "offset", x.delivered.Load(),
		)
		m.continueAt(f, x.last.Load())
		x.m.rotation.copied = true
	}
	f.m.rotation.replaces = nil
}

// continueAt lets f, which has not been started, begin behind the content of p.
func (m *manager) continueAt(f *file, p *position) {
	m.run.tail.counts.recognised.Inc()
	f.last.Store(f.goOnAt(p))
	m.storeBefore(f)
}

// continueKnown deals with a new file that goes on with content that was at its path and is gone.
func (m *manager) continueKnown(s observation, h *handle) bool {
	if m.disposer != nil {
		return false // what was there was removed, and whoever brings the like again means it
	}
	if m.looks.replaced[s.path] != nil {
		return false // that is decided once it has been read to its end
	}
	var best *position
	for _, p := range m.detached.byPath[s.path] {
		if p.Gone == 0 || p.Trunc || p.Done || p.Off == 0 || s.fi.size < p.Off ||
			best != nil && best.Off >= p.Off {
			continue
		}
		// Nobody saw how it came here. A short beginning may be what every log of its kind begins
		// with, but for a file that is younger than its own last change: its times were restored
		// with it.
		if p.Off <= headSize && s.fi.mtime >= s.fi.birth {
			continue
		}
		if same, err := m.holds(h, &s.fi, p); err == nil && same {
			best = p
		}
	}
	if best == nil {
		return false
	}
	m.run.tail.counts.recognised.Inc()
	m.detached.remove(best)
	f := m.resume(s, h, s.fi, best, best.key)
	m.log.Info(
		"a file was replaced by one that goes on with its content; it is read on where that was left",
		"path", f.where(), "offset", best.Off,
	)
	return true
}
