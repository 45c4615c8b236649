package tail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs"
)

// restore reads the stored positions, looks at everything for the first time, and leaves the marks
// of a first start.
func (m *manager) restore(ctx context.Context) error {
	all, started, bad := decodePositions(m.run.sink.Positions())
	for _, err := range bad {
		m.log.Error("a stored position cannot be used; the file is treated as new", "error", err)
	}
	m.detached = newDetached(all)
	m.disposer.leftovers(all)
	m.looks.firstStart = !started
	m.run.tail.counts.polling.Set(0)
	if m.cfg.Watch == "auto" {
		w, err := newWatcher(ctx, m.run.tail.newWatch, m.run.tail.env.Latency, &m.run.read)
		if err != nil {
			m.fallBack(err)
		} else {
			m.watches.begin(w)
		}
	} else {
		m.run.tail.counts.polling.Set(1)
	}
	m.looks.starting = true
	// What is renamed while a directory is read may be missed. Nothing is read before all is found,
	// or the order would suffer.
	for known, tries := -1, 0; m.sources.seq != known && tries < 3; tries++ {
		known = m.sources.seq
		m.scan()
	}
	m.looks.starting = false
	for _, c := range m.gz.compare {
		c.m.gz.beside = m.besideOf(c.where())
		c.m.gz.formOf = c.m.gz.beside
	}
	unstarted := m.looks.unstarted
	m.looks.unstarted = nil
	if m.looks.firstStart {
		positions := []inputs.Position{{Key: startedKey, Value: []byte("true")}}
		for _, f := range m.table.byID {
			if last := f.last.Load(); last != nil {
				positions = append(positions, last.stored())
			}
		}
		m.looks.firstStart = false
		// Appended before anything is read, so that no line can be durable without the mark.
		if err := m.run.append(ctx, nil, positions); err != nil {
			return err
		}
	}
	m.looks.unstarted = unstarted
	m.step(m.beginAll)
	return nil
}

// claim continues what is known of the file seen. It reports whether the file is dealt with, and
// whether it is known but its content is not.
func (m *manager) claim(s observation) (claimed, overwritten bool) {
	candidates := m.detached.at(&s.fi, s.path)
	if len(candidates) == 0 || !s.fi.regular() {
		return false, false
	}
	h, fi, err := m.open(s.path)
	if err != nil || !fi.is(s.fi.id, s.fi.birth) {
		if err == nil {
			_ = h.Close()
		}
		// Not now; it is not taken for a new file either.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.unreadable.failed(s.path, err)
		} else {
			m.looks.raced = true
		}
		return true, false
	}
	var best *position
	for _, p := range candidates {
		same, err := m.holds(h, &fi, p)
		if err != nil {
			_ = h.Close()
			m.unreadable.failed(s.path, err)
			return true, false
		}
		if same &&
			(best == nil || best.Gone != 0 && p.Gone == 0 ||
				(best.Gone != 0) == (p.Gone != 0) && p.Off > best.Off) {
			best = p
		}
	}
	if best == nil {
		_ = h.Close()
		for _, p := range candidates {
			if p.Gone == 0 && p.Dev == fi.id.dev {
				overwritten = true
				m.lostContent(p)
				m.findCopy(m.detached.byKey[p.key])
			}
		}
		return false, overwritten
	}
	m.detached.remove(best)
	m.unreadable.works(s.path)
	m.resume(s, h, fi, best, best.key)
	return true, false
}

// lostContent notes that the file of a position was truncated. The caller looks for a copy, and
// then calls storeUnstored.
func (m *manager) lostContent(p *position) {
	m.run.tail.counts.truncated.Inc()
	m.log.Info(
		"file was truncated or overwritten; it is read from its beginning", "path", p.Path,
		"read_before", p.Off,
	)
	m.detached.remove(p)
	gone := *p
	gone.Trunc, gone.Gone = true, m.sys.now().Unix()
	m.detached.add(&gone)
	m.decision.unstored = append(m.decision.unstored, &gone)
}

// holds reports whether the file holds the content of p up to its offset.
func (m *manager) holds(h *handle, fi *fileInfo, p *position) (bool, error) {
	var head [headSize]byte
	n, err := h.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	if c := compressionOf(p.Path, head[:n]); c == foreign {
		return false, nil
	} else if c != none {
		return headMatches(h, fi.size, c, p)
	}
	if fi.size < p.Off {
		return false, nil
	}
	known := p.fingerprints()
	return known.matches(h, head[:])
}

// resume adds the file seen, which holds what p tells, under key.
func (m *manager) resume(s observation, h *handle, fi fileInfo, p *position, key string) *file {
	s.fi = fi
	f := m.newFile(s, p.origin(), key)
	f.isCopy = p.Copy
	f.goOnAt(p)
	f.r.truncated = p.Off == 0 && m.detached.truncated(fi.id)
	if f.firstPath != s.path && m.globs.match(s.path) && !m.looks.starting {
		m.log.Info(
			"continuing a file under another path", "path", s.path, "source", f.firstPath,
			"offset", p.Off,
		)
	}
	m.noteLocation(f, s.path)
	var head [headSize]byte
	n, _ := h.ReadAt(head[:], 0)
	if f.compression = compressionOf(s.path, head[:n]); f.compression != none {
		f.written = p.Written
	}
	f.last.Store(f.goOnAt(p))
	if p.Off == 0 && p.Head.N == 0 && f.compression == none {
		f.begins(head[:n])
		f.m.evidence.foundEmpty = n == 0
	}
	f.r.dead = p.Done
	f.m.ended = p.Done
	m.register(f)
	if p.Done || f.compression == none && fi.size == p.Off {
		_ = h.Close()
	} else {
		m.keepOpen(f, h)
	}
	if p.Done {
		return f
	}
	if key != p.key {
		m.storeBefore(f)
	}
	if s.path != p.Path { // it was rotated while nobody looked
		m.leave(f)
	}
	m.begin(f)
	return f
}

// storeBefore stores the position of f, and lets nothing of f be delivered before: what replaces a
// position and what it is replaced by are known together or not at all, or a crash in between would
// lose what lies between them. f must not have been started. What lostContent has noted goes with
// it.
func (m *manager) storeBefore(f *file) {
	stored := make(chan struct{})
	f.r.last = stored
	all := append(m.decision.unstored, f.last.Load())
	m.decision.unstored = nil
	m.queue.do(func(ctx context.Context) error {
		err := m.run.append(ctx, nil, encodePositions(all))
		if err == nil {
			close(stored)
		}
		return err
	})
}

// storeUnstored stores what lostContent has noted, where nothing has taken its place.
func (m *manager) storeUnstored() {
	if len(m.decision.unstored) > 0 {
		m.store(m.decision.unstored...)
		m.decision.unstored = nil
	}
}

// newFile makes a file of the source firstPath.
func (m *manager) newFile(s observation, firstPath, key string) *file {
	f := &file{
		key:       key,
		id:        s.fi.id,
		birth:     s.fi.birth,
		firstPath: firstPath,
		origin:    m.run.tail.env.Agent + ":" + firstPath,
		tag:       m.run.tail.tagger.tag(firstPath),
		headers:   m.run.tail.tagger.headersOf(firstPath),
	}
	if m.run.tail.pods != nil {
		f.pod = podRefOf(firstPath)
	}
	m.noteLocation(f, s.path)
	f.size.Store(s.fi.size)
	f.bigEndian.Store(m.detached.bigEndian(&s.fi))
	m.sources.seq++
	f.m.evidence.seq, f.m.evidence.at, f.m.evidence.mtime, f.m.evidence.grown =
		m.sources.seq, s.at, s.fi.mtime, m.sys.now()
	if now := f.m.evidence.grown; now.Sub(time.Unix(0, s.fi.mtime)) < time.Minute {
		f.m.evidence.since = now
	}
	if was := s.was; was != nil {
		m.succeed(was, f)
		f.m.evidence.sourceSeq = was.m.evidence.sourceSeq
		if !s.truncated { // what it holds now is younger than what was found with it
			f.m.evidence.seq, f.m.evidence.at = was.m.evidence.seq, was.m.evidence.at
			if was.firstPath == firstPath {
				f.m.evidence.decidedPlace = was.m.evidence.decidedPlace
			}
		}
	}
	f.m.evidence.rewritten = s.truncated
	f.m.family, f.m.evidence.nameless = familyOf(s.path), s.nameless
	return f
}

// register puts f into the table.
func (m *manager) register(f *file) {
	m.table.byID[f.id] = f
	if m.sources.families[f.m.family] == nil {
		m.sources.families[f.m.family] = map[*file]struct{}{}
	}
	m.sources.families[f.m.family][f] = struct{}{}
	if !f.m.ended {
		for _, g := range m.sources.streams[f.firstPath] {
			if g.m.pred != nil && !g.m.started {
				m.tryStart(g) // what it waits for may be another now
			}
		}
		m.sources.unsorted[f.firstPath] = true
		m.sources.streams[f.firstPath] = append(m.sources.streams[f.firstPath], f)
	}
	m.run.mu.Lock()
	m.run.files[f] = struct{}{}
	m.run.mu.Unlock()
	if path := f.where(); !f.m.evidence.nameless && m.globs.match(path) {
		m.arrive(f, path)
	}
}

// unregister takes f out again, before it was ever read.
func (m *manager) unregister(f *file) {
	f.m.ended = true
	for _, name := range f.m.names {
		delete(m.table.byPath, name)
	}
	if m.table.byID[f.id] == f {
		delete(m.table.byID, f.id)
	}
	m.unstream(f)
	m.unfamily(f)
	delete(m.swept.left, f)
	m.run.mu.Lock()
	delete(m.run.files, f)
	m.run.mu.Unlock()
}

// unfamily takes f out of its family.
func (m *manager) unfamily(f *file) {
	m.sources.leaveFamily(f)
	delete(m.swept.behind, f)
	m.stopWaiting(f)
}

// keepOpen keeps the file open, so that its content outlives its deletion, as long as not too many
// are.
func (m *manager) keepOpen(f *file, h *handle) {
	if int(m.run.opened.Load()) >= m.cfg.MaxOpenFiles || m.run.tail.files.Excess() >= 0 {
		_ = h.Close()
		return
	}
	m.run.holdOpen(f, h)
}

// begin reads f as soon as its turn in its stream has come.
func (m *manager) begin(f *file) {
	m.looks.unstarted = append(m.looks.unstarted, f)
	if m.looks.depth == 0 {
		m.beginAll()
	}
}

// beginAll begins what a look has found.
func (m *manager) beginAll() {
	if m.looks.starting {
		return
	}
	found := m.looks.unstarted
	m.looks.unstarted = nil
	for _, f := range found {
		if !f.m.ended &&
			(f.size.Load() > f.r.off || f.m.evidence.touched || f.compression != none) {
			m.tryStart(f)
		}
	}
}

// discover adds a file that nothing is known of.
func (m *manager) discover(s observation) {
	switch {
	case s.fi.fifo():
		m.openPipe(s)
		return
	case !s.fi.regular() || m.ignored(&s):
		return
	}
	h, fi, err := m.open(s.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.unreadable.failed(s.path, err)
		} else {
			m.looks.raced = true
		}
		return
	}
	if !fi.is(s.fi.id, s.fi.birth) {
		_ = h.Close()
		m.looks.raced = true
		return
	}
	var buf [headSize]byte
	n, err := h.ReadAt(buf[:], 0)
	if err != nil && err != io.EOF {
		_ = h.Close()
		m.unreadable.failed(s.path, err)
		return
	}
	m.unreadable.works(s.path)
	s.fi = fi
	switch compression := compressionOf(s.path, buf[:n]); {
	case compression == foreign:
		_ = h.Close()
		m.skipForeign(s, buf[:n])
	case compression != none:
		_ = h.Close()
		m.discoverCompressed(s, compression)
	case m.adoptCopy(s, h, buf[:n]):
	case m.continueKnown(s, h):
	default:
		m.addUnread(s, h, m.sourceOf(s))
	}
}

// ignored reports whether the file seen, which is not known, is older than ignore_older. It is seen
// again by the next look.
func (m *manager) ignored(s *observation) bool {
	age := m.sys.now().Sub(time.Unix(0, s.fi.mtime))
	if m.cfg.IgnoreOlder <= 0 || age <= m.cfg.IgnoreOlder || s.was != nil || s.nameless {
		delete(m.table.tooOld, s.path)
		return false
	}
	if m.table.tooOld[s.path] {
		return true
	}
	if m.table.tooOld == nil {
		m.table.tooOld = map[string]bool{}
		m.log.Info(
			"files older than ignore_older are left alone until somebody writes to them; penstock_tail_ignored_files_total counts them",
			"path", s.path, "do", "raise ignore_older, or leave it out, to have them read",
		)
	}
	m.table.tooOld[s.path] = true
	m.run.tail.counts.ignored.Inc()
	return true
}

// addUnread adds the file seen as one that has not been read at all.
func (m *manager) addUnread(s observation, h *handle, firstPath string) *file {
	f := m.newFile(s, firstPath, newKey(s.fi.id, m.sys.now()))
	f.m.rotation.replaces = m.replacedBy(s.path)
	if s.was != nil && len(f.m.rotation.replaces) == 0 && !s.truncated {
		f.m.rotation.replaces = s.was.m.rotation.replaces
	}
	f.m.evidence.foundEmpty = s.fi.size == 0
	f.r.truncated = s.truncated || m.detached.truncated(s.fi.id)
	if m.looks.firstStart && m.cfg.StartAt == "end" && m.looks.starting {
		if p, err := endOf(h, s.fi.size, m.cfg); err != nil {
			m.unreadable.failed(s.path, err)
		} else {
			f.r.fingerprints = p
			f.delivered.Store(p.off)
			f.last.Store(f.position(p, false))
		}
	}
	if s.fi.size > 0 && f.r.off == 0 {
		var head [headSize]byte
		n, _ := h.ReadAt(head[:], 0)
		f.begins(head[:n])
	}
	m.register(f)
	m.keepOpen(f, h)
	m.begin(f)
	return f
}

// begins notes what f, which nobody reads yet, begins with: should that be another thing when it is
// read, it was truncated meanwhile.
func (f *file) begins(head []byte) {
	if len(head) > 0 && head[0] != 0 {
		f.m.evidence.head = headOf(head)
		f.r.head = f.m.evidence.head
	}
}

// identifyEmpty finds out what a file is that was empty when it was discovered. It reports whether
// it is another than it was taken for. This is the first of it: older generations may have come
// meanwhile.
func (m *manager) identifyEmpty(f *file) bool {
	h, fi, err := m.open(f.where())
	if err != nil {
		return false // reading it will say so
	}
	defer func() { _ = h.Close() }()
	var head [headSize]byte
	n, _ := h.ReadAt(head[:], 0)
	if n == 0 || !fi.is(f.id, f.birth) {
		return false
	}
	f.m.evidence.foundEmpty = false
	if dir, base := filepath.Split(
		f.where(),
	); compressionOf(f.where(), head[:n]) == none &&
		(f.last.Load() != nil || len(m.originals(dir, base)) == 0) {
		f.begins(head[:n])
		m.look(m.siblings([]string{f.where()}, f.m.names))
		return false
	}
	left := f.m.rotation.left
	m.run.closeFile(f)
	m.unregister(f)
	m.discover(observation{path: f.where(), fi: fi, was: f})
	m.leftAt(fi.id, left)
	m.look(m.siblings([]string{f.where()}, f.m.names))
	return true
}

// filled finds out what a file is that was begun when it was empty: it may be a copy.
func (m *manager) filled(f *file) {
	left := f.m.rotation.left
	m.unregister(f)
	h, fi, path := m.reopen(f)
	if h == nil {
		m.look(f.m.names)
		return
	}
	s := observation{path: path, fi: fi, was: f}
	at, err := m.sys.stat(path)
	s.nameless = err != nil || !at.is(fi.id, fi.birth)
	var head [headSize]byte
	n, _ := h.ReadAt(head[:], 0)
	if c := compressionOf(path, head[:n]); c != none && !s.nameless {
		_ = h.Close()
		m.discover(s)
	} else if !m.adoptCopy(s, h, head[:n]) {
		m.addUnread(s, h, f.firstPath)
	}
	m.leftAt(fi.id, left)
}

// endOf returns the position at the beginning of the last line, if that is not complete yet, or at
// the end.
func endOf(h *handle, size int64, c *Config) (fingerprints, error) {
	return lineStart(h, size, c, min(c.MaxLineSize, 64<<10))
}

// lineStart returns the position at the beginning of the line that size lies in, or at size if the
// line is longer than limit.
func lineStart(h *handle, size int64, c *Config, limit int64) (fingerprints, error) {
	buf := make([]byte, min(size, limit))
	base := size - int64(len(buf))
	if strings.HasPrefix(strings.ToLower(c.Encoding), "utf-16") && base%2 != 0 {
		base, buf = base+1, buf[1:]
	}
	n, err := h.ReadAt(buf, base)
	if err != nil && err != io.EOF {
		return fingerprints{}, err
	}
	buf = buf[:n]
	var head [headSize]byte
	hn, err := h.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return fingerprints{}, err
	}
	end := n // a line that fills the buffer is not worth more
	if cs := c.charset(head[:hn]); cs != nil {
		if i := cs.lastNewline(buf); i >= 0 {
			end = i + len(cs.end)
		} else if base == 0 {
			end = 0
		}
	}
	off := base + int64(end)
	return fingerprints{off, headOf(head[:min(int64(hn), off)]), tailOf(buf[:end])}, nil
}
