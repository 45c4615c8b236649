package tail

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// hold keeps a file unread that looks like a copy being made of another one, until that one is truncated or the file is left alone.
type hold struct {
	of    *file
	size  int64
	since time.Time // when it last changed
	begun time.Time
}

type heldFiles map[*file]struct{}

// relocate looks for a file that has lost its name among its old neighbours, and tells whether it is there. An open file need not be found.
func (m *manager) relocate(f *file) (bool, error) {
	if f.isOpen.Load() {
		return true, nil
	}
	path, ok, err := m.nearby(f.id, f.birth, f.where(), f.realPath())
	if ok {
		m.place(f, path)
	}
	return ok, err
}

// neighbours returns what is in a directory by identity, as of this look at it or later: many files are often rotated at once. A directory
// that is gone is empty.
func (m *manager) neighbours(dir string) (map[ident]string, error) {
	if n, ok := m.near[dir]; ok && n.at.After(m.looked) {
		return n.paths, nil
	}
	n := neighbours{time.Now(), map[ident]string{}}
	entries, err := m.readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if fi, err := statPath(path); err == nil {
			n.paths[fi.id] = path
		}
	}
	if m.near == nil || len(m.near) > 64 {
		m.near = map[string]neighbours{}
	}
	n.at = time.Now()
	m.near[dir] = n
	return n.paths, nil
}

type neighbours struct {
	at    time.Time
	paths map[ident]string
}

// locateKnown looks, after a start, for the files of positions that no glob has led to: what was rotated while nobody looked is read to its end.
func (m *manager) locateKnown() {
	var lost []*position
	for _, p := range m.known.byKey {
		if p.Gone == 0 {
			lost = append(lost, p)
		} else if !p.Trunc && !p.Done {
			m.missing[p.origin()] = true
		}
	}
	slices.SortFunc(lost, func(a, b *position) int { return int(a.Off - b.Off) })
	var gone []*position
	for _, p := range lost {
		// Positions of earlier releases do not tell the real path: the present one is as good a guess as any.
		path, ok, err := m.nearby(p.id(), p.Birth, p.Path, p.real(), m.realPath(p.Path))
		if err != nil {
			m.trouble(filepath.Dir(p.Path), err)
			continue // the next start looks again
		}
		ok = ok && !p.Done && m.globs.match(p.origin()) // or it is not wanted any more
		if ok && m.adoptOrphan(path, p, p.key) != nil {
			m.known.remove(p)
			continue
		}
		if ok && m.adoptRewritten(path, p) {
			continue
		}
		q := *p
		q.Gone = time.Now().Unix()
		m.known.remove(p)
		m.known.add(&q)
		gone = append(gone, &q)
		m.missing[p.origin()] = true
	}
	if len(gone) > 0 {
		m.store(gone...)
	}
}

// adoptOrphan adds a file that no glob leads to, if it holds what p tells, to be read to its end.
func (m *manager) adoptOrphan(path string, p *position, key string) *file {
	h, fi, err := m.open(path)
	if err != nil {
		return nil
	}
	if m.byID[fi.id] != nil || !fi.regular() {
		_ = h.Close()
		return nil
	}
	if same, err := m.holds(h, &fi, p); err != nil || !same {
		_ = h.Close()
		return nil
	}
	f := m.resume(sight{path: path, fi: fi, at: 1}, h, fi, p, key) // what was begun goes first
	m.leave(f)
	return f
}

// truncated begins a new generation of f, whose content has changed under it: where it is, wherever that is by now.
func (m *manager) truncated(f *file) {
	m.run.spill(spillTruncated)
	f.m.ended = true
	names := slices.Clone(f.m.names)
	m.unregister(f)
	var copied *file
	if last := f.last.Load(); last != nil {
		m.known.add(last)
		m.lostContent(last)
		if p := m.known.byKey[last.key]; p != nil {
			m.resolveHeld(f, p)
			copied = m.findCopy(p)
		}
	}
	defer m.storeUnstored()
	h, fi, path := m.reopen(f)
	if h == nil {
		m.look(names)
		return
	}
	s := sight{path: path, fi: fi, at: time.Now().UnixNano(), truncated: true}
	moved := !slices.Contains(names, path)
	if moved { // it was rotated after it had been truncated: what has taken its place comes behind it
		for _, x := range m.streams[f.path0] {
			if !x.m.started && x.where() == f.path0 {
				s.at = min(s.at, x.m.at-1)
			}
		}
		s.at = after(copied, s.at)
	}
	var head [headSize]byte
	n, _ := h.ReadAt(head[:], 0)
	if m.adoptCopy(s, h, head[:n]) {
		moved = moved && len(m.byID[fi.id].m.names) == 0
	} else {
		m.storeBefore(m.freshAt(s, h, f.path0))
	}
	g := m.byID[fi.id]
	if !moved {
		for _, name := range names {
			m.arrive(g, name)
		}
		return
	}
	m.leave(g)
	m.look(names)
}

// after returns a time for what was written after f, which may be nil: at, or a little later.
func after(f *file, at int64) int64 {
	if f == nil {
		return at
	}
	return max(at, f.m.at+1)
}

// reopen opens the file of f, which nobody reads any more, and tells where it is: at its path, among its old neighbours,
// or, as long as it was open, nobody knows where. h is nil if it is not to be found.
func (m *manager) reopen(f *file) (h *handle, fi fileInfo, path string) {
	if h = m.run.takeOpen(f); h != nil {
		var err error
		if fi, err = h.stat(); err != nil {
			_ = h.Close()
			h = nil
		}
	}
	path = f.where()
	if at, err := statPath(path); err != nil || !at.is(f.id, f.birth) {
		m.looked = time.Now()
		if at, ok, _ := m.nearby(f.id, f.birth, path, f.realPath()); ok {
			path = at
		}
	}
	if h != nil {
		return h, fi, path
	}
	h, fi, err := m.open(path)
	if err != nil {
		return nil, fi, path
	}
	if !fi.is(f.id, f.birth) {
		_ = h.Close()
		return nil, fi, path
	}
	return h, fi, path
}

// adoptRewritten adds a file that no glob leads to and that holds another thing than what p tells, although it is the same
// file: it was truncated, and then rotated, while nobody looked. It reports whether it is that.
func (m *manager) adoptRewritten(path string, p *position) bool {
	if p.Birth == 0 && !isRotationOf(filepath.Base(path), filepath.Base(p.real())) {
		return false // or another one, that has got its inode
	}
	h, fi, err := m.open(path)
	if err != nil {
		return false
	}
	var head [headSize]byte
	n, err := h.ReadAt(head[:], 0)
	if err != nil && err != io.EOF || !fi.is(p.id(), p.Birth) || !fi.regular() || m.byID[fi.id] != nil || m.globs.excluded(path) ||
		compressionOf(p.Path, head[:n]) != none {
		_ = h.Close()
		return false
	}
	m.lostContent(p)
	copied := m.findCopy(m.known.byKey[p.key])
	f := m.freshAt(sight{path: path, fi: fi, at: after(copied, fi.mtime), truncated: true}, h, p.origin())
	m.storeBefore(f)
	m.leave(f)
	return true
}

// freshAt is fresh, and lets the file be known by a position although nothing of it has been delivered: should it be rotated
// before anything is, then it is found again.
func (m *manager) freshAt(s sight, h *handle, path0 string) *file {
	f := m.fresh(s, h, path0)
	f.last.Store(f.position(f.r.prints, false))
	return f
}

// findCopy looks for a copy of the content of p, made before the file was truncated, and reads what is new in it: one that no glob leads to, or
// that came after the globs were last evaluated. It must be found before anything is read of what was written since.
func (m *manager) findCopy(p *position) *file {
	f := m.findCopyOf(p, p.Path)
	if f == nil && p.real() != p.Path {
		f = m.findCopyOf(p, p.real())
	}
	return f
}

// findCopyOf looks beside where the file of p is or was. It returns nil if there is none.
func (m *manager) findCopyOf(p *position, beside string) *file {
	dir, base := filepath.Split(beside)
	entries, err := m.readDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.Type().IsRegular() || !isRotationOf(e.Name(), base) || m.globs.excluded(path) {
			continue
		}
		fi, err := statPath(path)
		if err != nil || m.byID[fi.id] != nil {
			continue
		}
		if m.globs.match(path) {
			if f := m.continueUnlisted(path, p); f != nil {
				return f
			}
			continue
		}
		if fi.size <= p.Off {
			continue
		}
		if f := m.adoptOrphan(path, p, newKey(fi.id, time.Now())); f != nil {
			m.run.tail.counts.recognised.Inc()
			return f
		}
	}
	return nil
}

// continueUnlisted reads on in the file at path, which is not known yet, if it is a copy of the content of p.
func (m *manager) continueUnlisted(path string, p *position) *file {
	h, fi, err := m.open(path)
	if err != nil {
		return nil
	}
	s := sight{path: path, fi: fi}
	if m.byID[fi.id] != nil || !m.isCopy(s, h, p) {
		_ = h.Close()
		return nil
	}
	return m.continueCopy(s, h, p)
}

// adoptCopy deals with a new file that is a copy of what has been read, or may become one.
func (m *manager) adoptCopy(s sight, h *handle, head []byte) bool {
	dir, base := filepath.Split(s.path)
	for _, of := range originalsOf(base) {
		for _, p := range m.known.byPath[dir+of] {
			if m.isCopy(s, h, p) {
				m.continueCopy(s, h, p)
				return true
			}
		}
		x := m.byPath[dir+of]
		if x == nil || x.compression != none || x.m.hold != nil || !m.looksLike(h, head, x) {
			continue
		}
		_ = h.Close()
		f := m.newFile(s, x.path0, newKey(s.fi.id, time.Now())) // what comes after it waits with it
		f.m.hold = &hold{of: x, size: s.fi.size, since: time.Now(), begun: time.Now()}
		m.register(f)
		m.held[f] = struct{}{}
		return true
	}
	return false
}

// isCopy tells whether the file seen is a copy of the content of p. Where it was copied a little before the truncation it may lack the
// very last lines that had been read.
func (m *manager) isCopy(s sight, h *handle, p *position) bool {
	prints := p.prints()
	var scratch [headSize]byte
	if p.Head.N == 0 {
		return false // nothing was delivered, and nothing is known of it
	}
	if s.fi.size < p.Off {
		if !p.Trunc || p.Head.isNUL() || int64(p.Head.N) != min(headSize, p.Off) || s.fi.size < int64(p.Head.N) {
			return false
		}
		prints.tail = print{}
	}
	same, err := prints.matches(h, scratch[:])
	return err == nil && same
}

// continueCopy reads what is in a copy of the content of p beyond p.
func (m *manager) continueCopy(s sight, h *handle, p *position) *file {
	m.run.tail.counts.recognised.Inc()
	q := *p
	if s.fi.size < q.Off {
		q.Off, q.Skip = s.fi.size, false
		tail := make([]byte, min(tailSize, s.fi.size))
		n, _ := h.ReadAt(tail, s.fi.size-int64(len(tail)))
		q.Tail = tailOf(tail[:n])
	}
	q.Trunc, q.Gone = false, 0
	return m.resume(s, h, s.fi, &q, newKey(s.fi.id, time.Now()))
}

// looksLike tells whether the file that begins with head may be a copy of x as it is, or as it was before a truncation that is not noticed yet.
func (m *manager) looksLike(h *handle, head []byte, x *file) bool {
	var scratch [headSize]byte
	if last := x.last.Load(); last != nil && last.Head.N > 0 {
		prints := last.prints()
		if same, err := prints.matches(h, scratch[:]); err == nil && same {
			return true
		}
	}
	y, fi, err := m.open(x.where())
	if err != nil {
		return false
	}
	defer func() { _ = y.Close() }()
	if !fi.is(x.id, x.birth) || fi.size == 0 {
		return false
	}
	n, err := y.ReadAt(scratch[:], 0)
	if err != nil && err != io.EOF {
		return false
	}
	k := min(n, len(head))
	return string(scratch[:k]) == string(head[:k])
}

// resolveHeld decides about files held as copies of f, whose content is now that of p and gone.
func (m *manager) resolveHeld(f *file, p *position) {
	for held := range m.held {
		if held.m.hold.of == f {
			m.resolve(held, p)
		}
	}
}

// resolve ends a hold: the file is a copy of the content of p, if that is given and so, or one of its own.
func (m *manager) resolve(f *file, p *position) {
	delete(m.held, f)
	seq, path, left := f.m.seq, f.where(), f.m.left
	m.unregister(f)
	h, fi, err := m.open(path)
	if err != nil || !fi.is(f.id, f.birth) {
		if err == nil {
			_ = h.Close()
		}
		m.nextScan = time.Time{}
		return
	}
	s := sight{path: path, fi: fi, at: f.m.at, seq: seq}
	if p != nil && m.isCopy(s, h, p) {
		m.continueCopy(s, h, p)
	} else {
		m.fresh(s, h, m.sourceOf(s))
	}
	if g := m.byID[fi.id]; g != nil {
		if g.m.left = left; !left.IsZero() {
			g.m.leftWake = 1
			m.left[g] = struct{}{}
		}
	}
}

// sweepHeld ends holds of files that are no copies, or of which nothing comes.
func (m *manager) sweepHeld(now time.Time) {
	for f := range m.held {
		hold := f.m.hold
		h, fi, err := m.open(f.where())
		if err != nil {
			m.resolve(f, nil)
			continue
		}
		if fi.size != hold.size {
			hold.size, hold.since = fi.size, now
			var head [headSize]byte
			n, _ := h.ReadAt(head[:], 0)
			if !hold.of.m.ended && (!m.looksLike(h, head[:n], hold.of) || m.departs(h, fi.size, hold.of)) {
				hold.since = time.Time{}
			}
		}
		_ = h.Close()
		waited := now.Sub(hold.since) >= m.cfg.RotateWait || now.Sub(hold.begun) >= longestCopy*m.run.tail.patience
		switch x := hold.of; {
		case !waited:
		case !m.shrunk(x):
			m.resolve(f, nil)
		case x.m.started:
			m.wake(x, cmdRead)
		default:
			m.truncated(x) // no worker has to be asked; this decides about f, too
		}
	}
}

// longestCopy, times the patience with compressed files, is how long a file may grow that looks like a copy being made.
const longestCopy = 20

// departs tells whether what was last written to the file, of that size, is not what stands at its place in x: it is no copy of it then.
func (m *manager) departs(h *handle, size int64, x *file) bool {
	y, fi, err := m.open(x.where())
	if err != nil {
		return false
	}
	defer func() { _ = y.Close() }()
	if !fi.is(x.id, x.birth) {
		return false
	}
	if last := x.last.Load(); last != nil {
		var scratch [headSize]byte
		prints := last.prints()
		if same, err := prints.matches(y, scratch[:]); err != nil || !same {
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

// shrunk tells whether f is truncated, which will come out when it is read next: it is shorter than what was read of it, or has been filled anew
// since.
func (m *manager) shrunk(f *file) bool {
	if f.m.ended {
		return false
	}
	h, fi, err := m.open(f.where())
	if err != nil {
		return false
	}
	defer func() { _ = h.Close() }()
	switch last := f.last.Load(); {
	case !fi.is(f.id, f.birth):
		return false
	case fi.size < f.delivered.Load():
		return true
	case last != nil:
		var scratch [headSize]byte
		prints := last.prints()
		same, err := prints.matches(h, scratch[:])
		return err == nil && !same
	}
	return false
}
