package tail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// backlog reads compressed files one after the other: they wait until they are complete and
// compared with what is known, then to be read.
type backlog struct {
	compare   []*file
	read      []*file
	busy      *file                         // being compared or read
	undecided map[string]map[*file]struct{} // not compared yet, by family
	// sources of which something unread may have been compressed
	missing  map[string]bool
	vanished map[string]time.Time // when a known file left a path
}

func newBacklog() backlog {
	return backlog{
		undecided: map[string]map[*file]struct{}{},
		missing:   map[string]bool{},
		vanished:  map[string]time.Time{},
	}
}

// forget drops what vanished so long ago that no compressed file will come of it.
func (b *backlog) forget(now time.Time) {
	maps.DeleteFunc(
		b.vanished, func(_ string, t time.Time) bool { return now.Sub(t) > vanishedFor },
	)
}

func (b *backlog) decided(f *file) {
	delete(b.undecided[f.m.family], f)
	if len(b.undecided[f.m.family]) == 0 {
		delete(b.undecided, f.m.family)
	}
}

// waits reports whether something is about to happen.
func (b *backlog) waits() bool {
	return len(b.read) > 0 ||
		slices.ContainsFunc(b.compare, func(f *file) bool { return !f.m.gz.writing.late })
}

// add has f read, as soon as it is its turn.
func (b *backlog) add(f *file) {
	if !f.m.gz.writing.queued {
		f.m.gz.writing.queued = true
		b.read = append(b.read, f)
	}
}

func (b *backlog) ended(f *file) {
	if b.busy == f {
		b.busy = nil
	}
}

// skipForeign adds a file that is neither text nor can be decompressed, and says so.
func (m *manager) skipForeign(s observation, head []byte) {
	f := m.newFile(s, s.path, newKey(s.fi.id, m.sys.now()))
	f.compression, f.m.ended, f.r.dead = foreign, true, true
	m.register(f)
	if m.cfg.Compressed == "ignore" {
		return
	}
	name, do := foreignFormat(s.path, head)
	m.run.tail.counts.skipped.WithLabelValues(name).Inc()
	m.log.Warn(
		"file is skipped: it is neither text nor compressed in a way that can be read",
		"path", s.path, "format", name, "do", do,
	)
}

// discoverCompressed adds a compressed file that nothing is known of.
func (m *manager) discoverCompressed(s observation, kind compression) {
	f := m.newFile(s, s.path, newKey(s.fi.id, m.sys.now()))
	f.compression = kind
	if m.cfg.Compressed == "ignore" ||
		m.looks.firstStart && m.looks.starting && m.cfg.StartAt == "end" {
		f.m.ended, f.r.dead = true, true
		if m.cfg.Compressed != "ignore" {
			last := f.position(fingerprints{}, false)
			last.Done = true
			f.last.Store(last)
		}
		m.register(f)
		return
	}
	f.m.hold = &copyCandidate{}
	f.m.gz.beside = m.besideOf(s.path)
	f.m.gz.formOf = f.m.gz.beside
	f.m.gz.known = !m.looks.starting && f.m.gz.beside != nil
	if !m.looks.starting && !f.m.gz.known && m.replacesKnown(s.path) {
		was := m.looks.replaced[uncompressedName(s.path)]
		if was != nil && was.compression != none {
			was = nil
		}
		// or that name was another's in between, which nobody has seen
		if was == nil || m.beginsLike(f, was) {
			f.m.gz.known, f.m.gz.formOf = true, was
		}
	}
	m.register(f)
	m.gz.compare = append(m.gz.compare, f)
	if m.gz.undecided[f.m.family] == nil {
		m.gz.undecided[f.m.family] = map[*file]struct{}{}
	}
	m.gz.undecided[f.m.family][f] = struct{}{}
}

// replacesKnown reports whether the compressed file at path has taken the place of a known one.
// Where the log has left its own path since that was seen there, its number may have passed on to
// another, which is not known: app.log.1.gz is not what app.log.1 was.
func (m *manager) replacesKnown(path string) bool {
	plain := uncompressedName(path)
	at, ok := m.gz.vanished[plain]
	if !ok || dated(ageOf(plain, &fileInfo{}).number) {
		return ok
	}
	dir, base := filepath.Split(plain)
	return !slices.ContainsFunc(originalsOf(base), func(of string) bool {
		left, ok := m.gz.vanished[dir+of]
		return ok && !left.Before(at)
	})
}

const (
	// completeAfter is how long a compressed file must be unchanged to be taken as complete.
	completeAfter = time.Second
	// patience is how long others wait for one that is not: they go ahead of it then.
	patience = 30 * time.Second
)

// compressedState is what the manager knows of a compressed file.
type compressedState struct {
	// it appeared beside, or in the place of, a known file: it is that one's content
	known  bool
	beside *file // the uncompressed file of the same name, when it was found
	formOf *file // the uncompressed one whose place it has, as long as it is not decided about
	begins beginning
	// the wakes of others that must have been answered before it is compared with them
	asked   map[*file]uint64
	writing writing
}

// beginning is what a compressed file begins with.
type beginning struct {
	bytes []byte
	at    time.Time // when it was read
	of    int64     // the size of the file then
	isAll bool
}

// writing is what the manager has seen of a compressed file being written.
type writing struct {
	size, mtime int64
	steady      time.Time // when it was first seen like that
	since       time.Time // when it was first found not to be ready
	late        bool      // the others go ahead of it
	queued      bool      // in backlog.read
	tried       time.Time // when it was last read
}

// isComplete reports whether nobody writes to the compressed file f any more, of which fi was seen
// now. What it was seen to do counts: the time that it bears may lie in the future.
func (m *manager) isComplete(f *file, fi *fileInfo, now time.Time) bool {
	s, quiet := &f.m.gz.writing, min(completeAfter, m.cfg.RotateWait)
	if s.steady.IsZero() || s.size != fi.size || s.mtime != fi.mtime {
		s.size, s.mtime, s.steady = fi.size, fi.mtime, now
	}
	return fi.size > 0 && (now.Sub(s.steady) >= quiet || now.Sub(time.Unix(0, fi.mtime)) >= quiet)
}

// notReady notes that f cannot be compared yet. After a while those that were written later wait
// for it no more.
func (m *manager) notReady(f *file, now time.Time, why string) {
	s := &f.m.gz.writing
	if s.since.IsZero() {
		s.since = now
	}
	if s.late || now.Sub(s.since) < m.run.tail.patience {
		return
	}
	s.late = true
	m.run.tail.counts.errors.WithLabelValues("incomplete").Inc()
	m.log.Warn(
		"a compressed file "+why+"; it is read once that has changed, and what was written after it goes ahead",
		"path", f.where(),
		"do", "let compressed files appear under their name when they are complete, or leave this one out with exclude",
	)
}

// sweepGz takes the backlog a step further.
func (m *manager) sweepGz(now time.Time) {
	m.startWaiting()
	if m.gz.busy != nil {
		return
	}
	// What is newest is compared first: older ones come too late if that had been read. Those found
	// in one look with it wait until it is complete.
	type found struct {
		family string
		look   int
	}
	incomplete := map[found]bool{}
	for i, f := range slices.Backward(m.gz.compare) {
		if f.m.ended {
			m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
			m.gz.decided(f)
			return
		}
		if now.Before(f.m.turns.retry) || incomplete[found{f.m.family, f.m.evidence.at.look}] {
			continue
		}
		fi, err := m.sys.stat(f.where())
		if err != nil || !fi.is(f.id, f.birth) {
			m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
			m.moved(f)
			return
		}
		switch {
		case fi.size == 0:
			m.notReady(f, now, "is empty")
			continue
		case !m.isComplete(f, &fi, now):
			m.notReady(f, now, "keeps being written")
			if at := f.m.evidence.at.look; at > 0 && !f.m.gz.writing.late {
				incomplete[found{f.m.family, at}] = true
			}
			if !f.m.gz.writing.late || !m.ownContent(f) {
				continue
			}
		case m.beingCompressed(f, now):
			continue
		case m.passedOn(f.m.family): // what it was made of may be known by what it is no longer
			m.look(m.siblings([]string{f.where()}, nil))
			return
		}
		m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
		m.compare(f)
		return
	}
	for i, f := range m.gz.read {
		if !f.m.ended && !m.worthReading(f, now) {
			continue
		}
		m.gz.read = append(m.gz.read[:i:i], m.gz.read[i+1:]...)
		if f.m.gz.writing.queued = false; !f.m.ended {
			m.gz.busy, f.m.gz.writing.tried = f, now
			m.wake(f, cmdRead)
		}
		return
	}
}

// worthReading reports whether there is more to be had of f than when it was last read: each time
// it is decompressed from its beginning.
func (m *manager) worthReading(f *file, now time.Time) bool {
	if f.m.gz.writing.tried.IsZero() || now.Sub(f.m.gz.writing.tried) >= m.run.tail.patience {
		return true
	}
	fi, err := m.sys.stat(f.where())
	return err != nil || m.isComplete(f, &fi, now)
}

// ownContent reports whether f, which is not complete, begins like nothing that is known.
func (m *manager) ownContent(f *file) bool {
	begins := m.beginningOf(f)
	return len(begins) == headSize && !slices.ContainsFunc(m.candidates(f), func(p *position) bool {
		return p.Head.N > 0 && fingerprintOf(begins[:p.Head.N]) == p.Head
	})
}

// besideOf returns the file that the compressed one at path is being made of, as far as names tell.
func (m *manager) besideOf(path string) *file {
	plain := uncompressedName(path)
	b := m.table.byPath[plain]
	if b == nil || b.compression != none {
		return nil
	}
	if fi, err := m.sys.stat(plain); err != nil || !fi.is(b.id, b.birth) {
		return nil // it was that file's name
	}
	return b
}

// moved deals with a compressed file, not decided about, that is no longer where it was: it is
// found again before anything waits for it no more.
func (m *manager) moved(f *file) {
	m.look(append(m.siblings([]string{f.where()}, f.m.names), f.m.names...))
	if fi, err := m.sys.stat(f.where()); err == nil && fi.is(f.id, f.birth) && !f.m.ended {
		m.gz.compare = append(m.gz.compare, f)
		return
	}
	m.gz.decided(f)
	m.unregister(f)
	m.next.scan = time.Time{}
}

// beingCompressed reports whether the file that f may have been made of is still being read.
func (m *manager) beingCompressed(f *file, now time.Time) bool {
	if f.m.gz.asked == nil { // what is read of others now, or was and is not appended yet, counts
		f.m.gz.asked = map[*file]uint64{}
		plain := filepath.Base(uncompressedName(f.where()))
		for _, g := range inSeq(m.sources.families[f.m.family]) {
			if g.m.started && g.compression == none && (m.beginsLike(f, g) ||
				slices.Contains(originalsOf(plain), filepath.Base(g.firstPath))) {
				f.m.gz.asked[g] = m.wake(g, cmdRead)
			}
		}
	}
	for g, need := range f.m.gz.asked {
		if !g.m.ended && g.m.turns.answered < need && g.m.turns.failure == "" {
			return true
		}
	}
	for _, g := range inSeq(m.swept.left) {
		if m.mayHold(f, g) &&
			(g.m.turns.failure == "" || now.Sub(g.m.rotation.left) < m.run.tail.patience) {
			return true
		}
	}
	g := f.m.gz.beside
	if g == nil || g.m.ended || g.compression != none || g.size.Load() <= g.delivered.Load() {
		return false
	}
	if g.m.turns.failure == "" && g.m.turns.pending == pendingNone &&
		now.Sub(g.m.evidence.grown) >= completeAfter {
		return true // nobody takes anything: all wait
	}
	m.notReady(f, now, "stands beside an uncompressed file of its name that is not read to its end")
	return g.m.turns.failure == "" || !f.m.gz.writing.late
}

// candidates are the positions of what f may hold: those of all files of the table. byID lacks what
// was removed, once another has its inode.
func (m *manager) candidates(f *file) (candidates []*position) {
	path := f.where()
	for _, p := range m.detached.byKey {
		if p.Off > 0 && (related(path, p.Path) || related(path, p.origin())) {
			candidates = append(candidates, p)
		}
	}
	for g := range m.run.files {
		if last := g.last.Load(); last != nil && g != f && last.Off > 0 && g.compression == none &&
			related(path, g.where()) {
			candidates = append(candidates, last)
		}
	}
	slices.SortFunc(candidates, byKey)
	return candidates
}

// compare has a worker find out whether f is the compressed form of what was read before.
func (m *manager) compare(f *file) {
	m.gz.busy = f
	path, candidates := f.where(), m.candidates(f)
	m.queue.do(func(ctx context.Context) error {
		h, fi, err := m.sys.open(path)
		res := result{f: f, outcome: compared, err: err}
		if err == nil {
			switch {
			case !fi.is(f.id, f.birth):
				res.err = fs.ErrNotExist
			case len(candidates) > 0:
				res.match, res.size, res.err = findContent(h, fi.size, f.compression, candidates)
			}
			_ = h.Close()
		}
		m.run.sendResult(ctx, res)
		return nil
	})
}

// compared begins to read a compressed file where what was read before ends.
func (m *manager) compared(res result) {
	f := res.f
	m.gz.ended(f)
	defer m.startWaiting()
	if !f.m.ended && m.passedOn(f.m.family) { // while it was compared
		m.look(m.siblings([]string{f.where()}, nil))
	}
	path, names := f.where(), f.m.names
	// it was renamed before it could be compared
	if errors.Is(res.err, fs.ErrNotExist) && !f.m.ended {
		m.moved(f)
		return
	}
	if res.err != nil && !f.m.ended {
		m.unreadable.failed(path, res.err)
		if !errors.Is(res.err, errCompressed) {
			now := m.sys.now()
			f.m.turns.retry = now.Add(max(m.cfg.PollInterval, completeAfter))
			m.notReady(f, now, "cannot be read")
			m.gz.compare = append(m.gz.compare, f)
			return
		}
	}
	if f.m.ended {
		m.gz.decided(f)
		return
	}
	if res.err == nil {
		m.unreadable.works(path)
	}
	fi, err := m.sys.stat(path)
	if err != nil || !fi.is(f.id, f.birth) {
		m.moved(f)
		return
	}
	m.gz.decided(f)
	m.unregister(f)
	s := observation{path: path, fi: fi, was: f}
	firstPath := m.sourceOf(s)
	switch {
	case res.match != nil:
		firstPath = res.match.origin()
	case m.tooLate(f, firstPath):
		firstPath = path
	}
	g := m.newFile(s, firstPath, f.key)
	g.compression = f.compression
	if fi.mtime < fi.birth {
		g.written = fi.mtime // whoever compressed it has kept the time
	} else if res.match != nil {
		g.written = res.match.writtenTo()
	}
	if b := f.m.gz.formOf; b != nil && m.beginsLike(f, b) {
		g.m.evidence.seq, g.m.evidence.at, g.m.evidence.sourceSeq =
			b.m.evidence.seq, b.m.evidence.at, b.m.evidence.sourceSeq
		if b.firstPath == firstPath {
			g.m.evidence.decidedPlace = b.m.evidence.decidedPlace
		}
	}
	if p := res.match; p != nil {
		m.run.tail.counts.recognised.Inc()
		last := g.goOnAt(p)
		last.Done = res.err == nil && res.size == p.Off
		g.last.Store(last)
		g.m.ended, g.r.dead = last.Done, last.Done
		m.store(last)
		m.log.Info(
			"compressed file holds what was read before", "path", path, "source", firstPath,
			"offset", p.Off, "complete", last.Done,
		)
	}
	m.register(g)
	for _, name := range names {
		m.arrive(g, name)
	}
	if !g.m.ended {
		m.tryStart(g)
	}
}

// tooLate reports whether something newer than the compressed file f has been read of a source.
func (m *manager) tooLate(f *file, source string) bool {
	list := []*file{f}
	for _, g := range inSeq(m.sources.families[f.m.family]) {
		if g != f && g.firstPath == source && g.delivered.Load() > 0 {
			list = append(list, g)
		}
	}
	m.sortFiles(source, list)
	return list[len(list)-1] != f
}

// vanishedFor is how long it is remembered that a known file left a path.
const vanishedFor = 10 * time.Minute

// awaitsCompressed reports whether a compressed file, not compared yet, may hold what comes before
// f; f then waits.
func (m *manager) awaitsCompressed(f *file) bool {
	undecided := m.gz.undecided[f.m.family]
	for _, c := range inSeq(undecided) {
		if f.compression != none && !m.older(c, f) {
			continue // they are read one after the other
		}
		if !c.m.ended && !c.m.gz.writing.late && (!c.m.gz.known || m.gz.missing[f.firstPath]) &&
			!m.comparisonAwaits(c, f) {
			if m.swept.waiting[f.m.family] == nil {
				m.swept.waiting[f.m.family] = map[*file]struct{}{}
			}
			m.swept.waiting[f.m.family][f] = struct{}{}
			return true
		}
	}
	if len(undecided) == 0 {
		delete(m.gz.missing, f.firstPath)
	}
	m.stopWaiting(f)
	return false
}

// mayHold reports whether the compressed file c may hold what g does, whose name is gone: their
// names are alike, and their beginnings not known to differ.
func (m *manager) mayHold(c, g *file) bool {
	if len(g.m.names) > 0 || g.compression != none || g.m.ended {
		return false
	}
	if path, other := c.where(), g.where(); !related(path, other) ||
		filepath.Dir(path) != filepath.Dir(other) {
		return false
	}
	begins := m.beginningOf(c)
	empty := g.delivered.Load() == 0 && g.m.turns.pending == pendingNone
	if g.m.started || g.r.h == nil {
		if empty && g.m.started && g.m.turns.answered >= g.m.rotation.leftWake &&
			g.m.rotation.leftWake > 0 {
			return len(begins) == 0
		}
		if !g.m.started && !m.stillThere(g) {
			return false // nobody will read it
		}
		return m.beginsLike(c, g)
	}
	var buf [headSize]byte // no worker has it
	n, _ := g.r.h.ReadAt(buf[:], 0)
	if n > len(begins) && c.m.gz.begins.isAll || n == 0 && empty {
		return len(begins) == 0
	}
	n = min(n, len(begins))
	return bytes.Equal(begins[:n], buf[:n])
}

// beginsLike reports whether the compressed file c may begin as g does, by what is known of g.
func (m *manager) beginsLike(c, g *file) bool {
	head, begins := g.m.evidence.head, m.beginningOf(c)
	if last := g.last.Load(); last != nil && last.Head.N > 0 {
		head = last.Head
	}
	if len(begins) < head.N {
		return !c.m.gz.begins.isAll
	}
	return fingerprintOf(begins[:head.N]) == head
}

// beginningOf returns what a compressed file begins with, as far as that could be read lately.
func (m *manager) beginningOf(c *file) []byte {
	if len(c.m.gz.begins.bytes) == headSize ||
		c.size.Load() == c.m.gz.begins.of && m.sys.since(c.m.gz.begins.at) < completeAfter {
		return c.m.gz.begins.bytes
	}
	h, fi, _ := m.openFile(c)
	if h == nil {
		return c.m.gz.begins.bytes
	}
	defer func() { _ = h.Close() }()
	c.m.gz.begins.at, c.m.gz.begins.of = m.sys.now(), fi.size
	if z, err := newStream(h, fi.size, c.compression); err == nil {
		defer z.Close()
		buf := make([]byte, headSize)
		n, err := z.ReadAt(buf, 0)
		c.m.gz.begins.bytes, c.m.gz.begins.isAll = buf[:n], err == io.EOF
	}
	return c.m.gz.begins.bytes
}

// incomplete reports whether c is being written, so that not even its beginning can be read.
func (m *manager) incomplete(c *file) bool {
	quiet := min(completeAfter, m.cfg.RotateWait)
	return len(m.beginningOf(c)) == 0 && !c.m.gz.begins.isAll &&
		m.sys.since(c.m.gz.writing.steady) < quiet
}

// comparisonAwaits reports whether the comparison of c waits for f, or for what waits for f.
func (m *manager) comparisonAwaits(c, f *file) bool {
	seen := map[*file]bool{}
	var comparison, reading func(*file) bool
	comparison = func(c *file) bool {
		if seen[c] {
			return false
		}
		seen[c] = true
		if m.incomplete(c) {
			return false // it is not compared before that has changed, or it is late
		}
		if g := c.m.gz.beside; g != nil && reading(g) {
			return true
		}
		for _, g := range inSeq(m.swept.left) {
			if !seen[g] && m.mayHold(c, g) && reading(g) {
				return true
			}
		}
		return false
	}
	reading = func(g *file) bool {
		if g == f {
			return true
		}
		if seen[g] || g.m.ended || g.m.started {
			return false
		}
		seen[g] = true
		for _, p := range m.sources.streams[g.firstPath] {
			if _, waits := g.m.pred[p]; (waits || g.m.pred == nil && m.sources.precedes(p, g)) &&
				reading(p) {
				return true
			}
		}
		if _, waits := m.swept.waiting[g.m.family][g]; waits {
			for _, other := range inSeq(m.gz.undecided[g.m.family]) {
				if comparison(other) {
					return true
				}
			}
		}
		return false
	}
	return comparison(c)
}

func (m *manager) stopWaiting(f *file) {
	delete(m.swept.waiting[f.m.family], f)
	if len(m.swept.waiting[f.m.family]) == 0 {
		delete(m.swept.waiting, f.m.family)
	}
}

// startWaiting starts the files that wait for comparisons no more.
func (m *manager) startWaiting() {
	for _, family := range slices.Sorted(maps.Keys(m.swept.waiting)) {
		for _, f := range inSeq(m.swept.waiting[family]) {
			m.tryStart(f)
		}
	}
}
