package tail

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// relocate looks for a file that has lost its name among its old neighbours, and reports whether it
// is there. An open file need not be found.
func (m *manager) relocate(f *file) (bool, error) {
	if f.isOpen.Load() {
		return true, nil
	}
	path, ok, err := m.nearby(f.id, f.birth, f.where(), f.realPath())
	if ok {
		m.noteLocation(f, path)
	}
	return ok, err
}

// neighbours returns what is in a directory by identity, as of this look at it or later: many files
// are often rotated at once. A directory that is gone is empty.
func (m *manager) neighbours(dir string) (map[ident]string, error) {
	if n, ok := m.looks.near[dir]; ok && n.at.After(m.looks.began) {
		return n.paths, nil
	}
	n := neighbours{m.sys.now(), map[ident]string{}}
	entries, err := m.readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if fi, err := m.sys.stat(path); err == nil {
			n.paths[fi.id] = path
		}
	}
	if m.looks.near == nil || len(m.looks.near) > 64 {
		m.looks.near = map[string]neighbours{}
	}
	n.at = m.sys.now()
	m.looks.near[dir] = n
	return n.paths, nil
}

type neighbours struct {
	at    time.Time
	paths map[ident]string
}

// locateKnown looks, after a start, for the files of positions that no glob has led to: what was
// rotated while nobody looked is read to its end.
func (m *manager) locateKnown() {
	var lost []*position
	for _, p := range m.detached.byKey {
		if p.Gone == 0 {
			lost = append(lost, p)
		} else if !p.Trunc && !p.Done {
			m.gz.missing[p.origin()] = true
		}
	}
	slices.SortFunc(
		lost, func(a, b *position) int { return cmp.Or(cmp.Compare(a.Off, b.Off), byKey(a, b)) },
	)
	var gone []*position
	for _, p := range lost {
		// Positions of earlier releases do not tell the real path: the present one is as good a
		// guess as any.
		path, ok, err := m.nearby(p.id(), p.Birth, p.Path, p.real(), m.realPath(p.Path))
		if err != nil {
			m.unreadable.failed(filepath.Dir(p.Path), err)
			continue // the next start looks again
		}
		ok = ok && !p.Done && m.globs.match(p.origin()) // or it is not wanted any more
		if ok && m.adoptOrphan(path, p, p.key) != nil {
			m.detached.remove(p)
			continue
		}
		if ok && m.adoptRewritten(path, p) {
			continue
		}
		q := *p
		q.Gone = m.sys.now().Unix()
		m.detached.remove(p)
		m.detached.add(&q)
		gone = append(gone, &q)
		m.gz.missing[p.origin()] = true
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
	if m.table.known(&fi) || !fi.regular() {
		_ = h.Close()
		return nil
	}
	if same, err := m.holds(h, &fi, p); err != nil || !same {
		_ = h.Close()
		return nil
	}
	f := m.resume(observation{path: path, fi: fi}, h, fi, p, key)
	m.leave(f)
	return f
}

// truncated begins a new generation of f, whose content has changed under it: where it is, wherever
// that is by now.
func (m *manager) truncated(f *file) {
	m.run.spill(spillTruncated)
	defer func(source string) { m.decision.truncating = source }(m.decision.truncating)
	m.decision.truncating = f.firstPath
	f.m.ended = true
	names := slices.Clone(f.m.names)
	m.unregister(f)
	if m.looks.replaced == nil {
		m.looks.replaced = map[string]*file{}
		defer func() { m.looks.replaced = nil }()
	}
	for _, name := range names { // it may have been there until now
		if fi, err := m.sys.stat(name); err != nil || !fi.is(f.id, f.birth) {
			m.looks.replaced[name] = f
			f.m.names = slices.DeleteFunc(f.m.names, func(n string) bool { return n == name })
		}
	}
	if last := f.last.Load(); last != nil {
		m.detached.add(last)
		m.lostContent(last)
		if p := m.detached.byKey[last.key]; p != nil {
			m.resolveHeld(f, p)
			m.findCopy(p)
		}
	} else {
		m.resolveHeld(f, nil)
	}
	defer m.storeUnstored()
	// Copies that were made before are found before anything is read of what was written since.
	if siblings := m.siblings(names, names); len(siblings) > 0 {
		m.look(siblings)
	}
	h, fi, path := m.reopen(f)
	if h == nil || m.table.byID[f.id] != nil {
		if h != nil {
			_ = h.Close()
		}
		m.look(names)
		return
	}
	s := observation{path: path, fi: fi, truncated: true}
	at, err := m.sys.stat(path)
	s.nameless = err != nil || !at.is(f.id, f.birth)
	moved := s.nameless || !slices.Contains(names, path)
	if moved { // it was rotated after it had been truncated
		s.was = f
	}
	var head [headSize]byte
	n, _ := h.ReadAt(head[:], 0)
	if m.adoptCopy(s, h, head[:n]) {
		moved = moved && len(m.table.byID[fi.id].m.names) == 0
	} else {
		m.storeBefore(m.addWithPosition(s, h, f.firstPath))
	}
	g := m.table.byID[fi.id]
	if !moved {
		for _, name := range names {
			m.arrive(g, name)
		}
		return
	}
	for name, x := range m.looks.replaced {
		if x == f {
			m.looks.replaced[name] = g
		}
	}
	m.leave(g)
	m.look(names)
}

// reopen opens the file of f, which nobody reads any more, and tells where it is: at its path,
// among its old neighbours, or, as long as it was open, nobody knows where. h is nil if it is not
// to be found.
func (m *manager) reopen(f *file) (h *handle, fi fileInfo, path string) {
	if h = m.run.takeOpen(f); h != nil {
		var err error
		if fi, err = m.sys.statOpen(h); err == nil {
			return h, fi, m.find(f)
		}
		_ = h.Close()
	}
	return m.openFile(f)
}

// openFile opens the file of f once more. Its name may have passed on since the last look: a path
// alone tells nothing.
func (m *manager) openFile(f *file) (h *handle, fi fileInfo, path string) {
	path = m.find(f)
	h, fi, err := m.open(path)
	if err == nil && !fi.is(f.id, f.birth) {
		_ = h.Close()
		h = nil
	}
	return h, fi, path
}

// find returns where f is: at its path or among its old neighbours; its path if it is nowhere
// there.
func (m *manager) find(f *file) string {
	path := f.where()
	if at, err := m.sys.stat(path); err == nil && at.is(f.id, f.birth) {
		return path
	}
	for {
		if at, ok, _ := m.nearby(f.id, f.birth, path, f.realPath()); ok {
			return at
		}
		if m.looks.refreshed { // many files are often rotated at once
			return path
		}
		m.looks.refreshed, m.looks.began = true, m.sys.now()
	}
}

// adoptRewritten adds a file that no glob leads to and that holds another thing than what p tells,
// although it is the same file: it was truncated, and then rotated, while nobody looked. It reports
// whether it is that.
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
	if err != nil && err != io.EOF || !fi.is(p.id(), p.Birth) || !fi.regular() ||
		m.table.known(&fi) ||
		m.globs.excluded(path) ||
		compressionOf(p.Path, head[:n]) != none {
		_ = h.Close()
		return false
	}
	m.lostContent(p)
	m.findCopy(m.detached.byKey[p.key])
	f := m.addWithPosition(observation{path: path, fi: fi, truncated: true}, h, p.origin())
	m.storeBefore(f)
	m.leave(f)
	return true
}

// addWithPosition is addUnread, and lets the file be known by a position although nothing of it has
// been delivered: should it be rotated before anything is, then it is found again.
func (m *manager) addWithPosition(s observation, h *handle, firstPath string) *file {
	f := m.addUnread(s, h, firstPath)
	f.last.Store(f.position(f.r.fingerprints, false))
	return f
}

// continueUnlisted reads on in the file at path, which is not known yet, if it is a copy of the
// content of p.
func (m *manager) continueUnlisted(path string, p *position) bool {
	h, fi, err := m.open(path)
	if err != nil {
		return false
	}
	s := observation{path: path, fi: fi}
	if m.table.known(&fi) || !m.isCopy(s, h, p) {
		_ = h.Close()
		return false
	}
	m.continueCopy(s, h, p)
	return true
}

// resolveHeld decides about files held as copies of f, whose content is now that of p and gone.
func (m *manager) resolveHeld(f *file, p *position) {
	for _, held := range inSeq(m.copyCandidates) {
		if _, undecided := m.copyCandidates[held]; undecided && held.m.hold.of == f {
			m.resolve(held, p)
		}
	}
}

// resolve ends the wait of a copyCandidate: the file is a copy of the content of p, if that is
// given and so, or one of its own.
func (m *manager) resolve(f *file, p *position) {
	delete(m.copyCandidates, f)
	left := f.m.rotation.left
	m.unregister(f)
	h, fi, path := m.reopen(f)
	if h == nil { // or it was compressed, and is found as that
		m.gz.vanished[f.where()], m.gz.missing[f.firstPath] = m.sys.now(), true
		m.next.scan = time.Time{}
		return
	}
	s := observation{path: path, fi: fi, was: f}
	if p == nil || !m.isCopy(s, h, p) {
		p = m.mostKnown(s, h)
		if p != nil && slices.ContainsFunc(f.m.rotation.replaces, func(x *file) bool {
			last := x.last.Load()
			return last != nil && last.Off > p.Off && m.isCopy(s, h, last)
		}) {
			p = nil // that is decided when it is begun
		}
	}
	if p != nil {
		m.continueCopy(s, h, p)
	} else {
		m.addUnread(s, h, m.sourceOf(s))
	}
	m.leftAt(fi.id, left)
}

// leftAt notes when the file of that identity, which is known as another one now, was rotated.
func (m *manager) leftAt(id ident, left time.Time) {
	if g := m.table.byID[id]; g != nil {
		if g.leftAt(left); !left.IsZero() {
			g.m.rotation.leftWake = 1
			m.swept.left[g] = struct{}{}
		}
	}
}

// sweepHeld ends holds of files that are no copies, or of which nothing comes.
func (m *manager) sweepHeld(now time.Time) {
	for _, f := range inSeq(m.copyCandidates) {
		if _, undecided := m.copyCandidates[f]; !undecided {
			continue
		}
		hold := f.m.hold
		h, fi, _ := m.openFile(f)
		if h == nil {
			m.resolve(f, nil)
			continue
		}
		if fi.size != hold.size {
			hold.size, hold.since = fi.size, now
			var head [headSize]byte
			n, _ := h.ReadAt(head[:], 0)
			if !hold.of.m.ended && !m.tooShort(head[:n], hold.of) &&
				(!m.looksLike(h, head[:n], hold.of) || m.tailDiffers(h, fi.size, hold.of)) {
				hold.since = time.Time{}
			}
		}
		_ = h.Close()
		x := hold.of
		read := x.m.ended || !x.m.started || x.m.turns.answered >= hold.need ||
			x.m.turns.failure != ""
		waited := read && now.Sub(hold.since) >= m.cfg.RotateWait ||
			now.Sub(hold.begun) >= longestCopy*m.run.tail.patience
		switch {
		case !waited:
		case !hold.asked && x.m.started && !x.m.ended && !m.findable(x):
			hold.asked, hold.need = true, m.wake(x, cmdRead)
		case !m.shrunk(x):
			m.resolve(f, nil)
		case x.m.started:
			m.wake(x, cmdRead)
		default:
			m.truncated(x) // no worker has to be asked; this decides about f, too
		}
	}
}

// findable reports whether f is where it was last seen.
func (m *manager) findable(f *file) bool {
	fi, err := m.sys.stat(f.where())
	return err == nil && fi.is(f.id, f.birth)
}

// shrunk reports whether f is truncated, which will come out when it is read next: it is shorter
// than what was read of it, or has been filled anew since.
func (m *manager) shrunk(f *file) bool {
	if f.m.ended {
		return false
	}
	h, fi, _ := m.openFile(f)
	if h == nil {
		return false
	}
	defer func() { _ = h.Close() }()
	switch last := f.last.Load(); {
	case fi.size < f.delivered.Load():
		return true
	case last != nil:
		var scratch [headSize]byte
		known := last.fingerprints()
		same, err := known.matches(h, scratch[:])
		return err == nil && !same
	}
	return false
}
