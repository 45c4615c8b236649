package tail

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// observation is what was seen at a path.
type observation struct {
	path      string
	fi        fileInfo
	at        foundAt // 0 if it was not with others
	was       *file   // what it was known as until now; nil if it is new
	truncated bool    // what was in it is gone
	nameless  bool    // it is open, and not at path any more
}

func (fi *fileInfo) dir() bool { return fi.mode&unix.S_IFMT == unix.S_IFDIR }

// looks is what is known of the looks at files: at all those that the globs match (a scan), or at
// those that something was heard of. A look may lead to another, within it.
type looks struct {
	firstStart bool             // this is the input's very first start
	starting   bool             // everything is looked at for the first time
	depth      int              // of looks within looks
	count      int              // how often it was looked
	began      time.Time        // when the last look did
	whole      bool             // the look that begins is at everything
	refreshed  bool             // directories were read again in this step
	raced      bool             // something was renamed under a look
	unstarted  []*file          // what looks have found to read
	replaced   map[string]*file // what has left a path in this look

	// what directories held, and where they really are, as of a look
	near     map[string]neighbours
	realDirs realDirs
}

// scan evaluates the globs and looks at everything.
func (m *manager) scan() {
	begin := m.sys.now()
	found := m.globs.walk()
	for path, err := range found.errs {
		m.unreadable.failed(path, err)
	}
	for path := range m.unreadable.reasons {
		if found.cache[path] != nil && found.errs[path] == nil {
			m.unreadable.works(path) // a directory
		}
	}
	paths := make([]string, 0, len(found.paths)+8)
	for path, link := range found.paths {
		paths = append(paths, path)
		if link {
			if to, err := filepath.EvalSymlinks(path); err == nil {
				m.table.alias[to] = path
				found.dirs[filepath.Dir(to)] = true
			}
		}
	}
	for path := range m.table.byPath {
		if _, ok := found.paths[path]; !ok {
			paths = append(paths, path)
		}
	}
	for path := range m.table.tooOld {
		if _, ok := found.paths[path]; !ok {
			delete(m.table.tooOld, path)
		}
	}
	for real, path := range m.table.alias {
		if _, ok := found.paths[path]; !ok {
			delete(m.table.alias, real)
		}
	}
	m.watchDirs(found.dirs)
	due := m.sys.now()
	m.next.scan = due
	m.looks.whole = true
	slices.Sort(paths)
	m.look(paths)
	for _, f := range m.table.byID {
		m.supersede(f)
	}
	// Where a scan takes long it must not be all that is done.
	wait := max(m.cfg.RescanInterval, 20*m.sys.since(begin))
	if m.next.scan.Equal(due) {
		m.next.scan = m.sys.now().Add(wait)
	}
	m.next.poll = m.sys.now().Add(min(wait, m.cfg.PollInterval))
	m.run.looks()
}

// poll looks at the files known, those that were active lately more often.
func (m *manager) poll(now time.Time) {
	m.next.poll = now.Add(m.cfg.PollInterval)
	var paths []string
	for path, f := range m.table.byPath {
		if quiet := now.Sub(f.m.evidence.grown); quiet < time.Minute ||
			(m.sources.seq+f.m.evidence.seq)%5 == 0 {
			paths = append(paths, path)
		}
	}
	m.sources.seq++
	slices.Sort(paths)
	m.look(paths)
}

// supersede notices that f, which was never seen elsewhere, must have been rotated: the file it was
// named after came into being when nobody wrote to f any more. So its last line is complete.
func (m *manager) supersede(f *file) {
	if f.m.turns.pending != pendingLine || !f.m.rotation.left.IsZero() || f.m.ended {
		return
	}
	dir, base := filepath.Split(f.where())
	for _, of := range originalsOf(base) {
		x := m.table.byPath[dir+of]
		if x == nil || x.birth == 0 {
			continue
		}
		if fi, err := m.sys.stat(
			f.where(),
		); err == nil && fi.is(f.id, f.birth) && fi.size == f.size.Load() &&
			x.birth >= fi.mtime {
			m.leave(f)
			return
		}
	}
}

// watchDirs watches the directories; where that is not possible everything is polled.
func (m *manager) watchDirs(dirs map[string]bool) {
	if !m.watches.on() {
		return
	}
	add := m.watches.watch.add
	if m.run.tail.addWatch != nil {
		add = m.run.tail.addWatch
	}
	if err := m.watches.follow(dirs, add); err != nil {
		m.fallBack(err)
	}
}

// fallBack turns to polling.
func (m *manager) fallBack(err error) {
	m.log.Warn(
		"inotify is not to be had; files are polled instead", "every", m.cfg.PollInterval.String(),
		"error", err, "do", watchAdvice(err),
	)
	m.run.tail.counts.polling.Set(1)
	m.watches.stop()
}

// maxRaces bounds how often a look is followed by another one because files were renamed under it.
const maxRaces = 3

// look compares what is at the paths with the table, and then begins to read what is new.
func (m *manager) look(paths []string) {
	m.looks.depth++
	m.compareAll(paths)
	if m.looks.raced {
		// Something unread went away under this look: nothing is begun before it is known where to.
		m.looks.raced = false
		if m.looks.depth <= maxRaces {
			m.scan()
		} else {
			m.next.scan = time.Time{}
		}
	}
	m.looks.depth--
	if m.looks.depth == 0 {
		m.beginAll()
	}
}

// siblings returns the paths, not among seen, at which files to read are, or were, of the family of
// those that were at left.
func (m *manager) siblings(left, seen []string) []string {
	if len(left) == 0 {
		return nil
	}
	dirs, families, known := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, path := range left {
		dirs[filepath.Dir(path)], families[familyOf(path)] = true, true
	}
	for _, path := range seen {
		known[path] = true
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, err := m.readDir(dir)
		if err != nil {
			continue // a scan will say so
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if e.Type().IsRegular() && !known[path] && families[familyOf(path)] &&
				m.globs.match(path) {
				out, known[path] = append(out, path), true
			}
		}
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		for _, f := range inSeq(m.sources.families[family]) {
			for _, path := range f.m.names {
				if !known[path] {
					out, known[path] = append(out, path), true // there is none any more
				}
			}
		}
	}
	return out
}

// passedOn reports whether names of a family are no longer those of the files that they were seen
// to be of.
func (m *manager) passedOn(family string) bool {
	for f := range m.sources.families[family] {
		for _, path := range f.m.names {
			fi, err := m.sys.stat(path)
			if err == nil && !fi.is(f.id, f.birth) ||
				errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
				return true
			}
		}
	}
	return false
}

// coarsest is how coarse a file system's times may be.
const coarsest = 2 * time.Second

// seen notes a file's size.
func (m *manager) seen(f *file, fi *fileInfo) {
	same := fi.size == f.size.Load() && fi.mtime == f.m.evidence.mtime
	switch since := f.m.evidence.since; {
	case !same:
		f.m.evidence.since = m.looks.began
	case !since.IsZero() && m.looks.began.Sub(since) >= coarsest && fi.size > 0 &&
		f.compression == none:
		f.m.evidence.since = time.Time{} // it is read once more, see there
	case f.m.turns.failure == "":
		return
	}
	f.m.evidence.mtime, f.m.evidence.touched = fi.mtime, true
	was := f.size.Swap(fi.size)
	switch {
	case f.compression == foreign && (fi.size < was || was == 0):
		m.unregister(f) // it may be another thing now
		m.next.scan = time.Time{}
	case f.m.hold != nil:
	case f.compression == none && !f.m.started && fi.size < f.delivered.Load():
		m.truncated(f) // no worker has to be asked
	case f.compression == none:
		m.grew(f)
	case f.m.started && !f.m.ended:
		m.gz.add(f) // it was incomplete
	}
}

// same reports whether what was seen at path, which is a new name, is f. Where the file system does
// not know when a file was made it may be another one, that has got its inode: a compressed file
// does not become text.
func (m *manager) same(f *file, path string, fi *fileInfo) bool {
	if !fi.is(f.id, f.birth) {
		return false
	}
	if fi.birth != 0 || f.compression == none {
		return true
	}
	h, now, err := m.open(path)
	if err != nil {
		return true // not now
	}
	defer func() { _ = h.Close() }()
	var head [headSize]byte
	n, err := h.ReadAt(head[:], 0)
	return err != nil && err != io.EOF || !now.is(f.id, f.birth) ||
		compressionOf(path, head[:n]) == f.compression
}

// drop takes a name from a file.
func (m *manager) drop(f *file, path string) {
	delete(m.table.byPath, path)
	m.gz.vanished[path] = m.looks.began
	if !f.m.started && !f.m.ended {
		m.gz.missing[f.firstPath] = true // should it be compressed, then unread
	}
	f.m.names = slices.DeleteFunc(f.m.names, func(n string) bool { return n == path })
	if len(f.m.names) > 0 {
		m.noteLocation(f, f.m.names[0])
	} else {
		m.run.spill(spillRotated)
	}
}

// arrive gives a file a name.
func (m *manager) arrive(f *file, path string) {
	if m.table.byPath[path] == f {
		return
	}
	old := m.table.byPath[path]
	if old != nil {
		m.drop(old, path)
	}
	m.renumbered(f, path)
	m.table.byPath[path] = f
	f.m.names = append(f.m.names, path)
	if path == f.firstPath && f.compression == none {
		m.sources.seq++
		f.m.evidence.sourceSeq = m.sources.seq
	}
	m.noteLocation(f, f.m.names[0])
	switch {
	case old == nil || len(old.m.names) > 0:
	case old.m.ended:
		m.end(old)
	case old.m.rotation.left.IsZero():
		m.depart(old)
	}
}

// depart deals with a file that is no longer where it was.
func (m *manager) depart(f *file) {
	m.run.tail.counts.rotated.Inc()
	if len(f.m.names) == 0 {
		_, _ = m.relocate(f) // or it is looked for when it is opened
	}
	m.leave(f)
}

// leave begins the time that a rotated file must be quiet for.
func (m *manager) leave(f *file) {
	m.run.spill(spillRotated)
	f.leftAt(m.sys.now())
	m.swept.left[f] = struct{}{}
	f.m.rotation.leftWake = max(1, m.wake(f, cmdRead))
}

// displaced deals with a closed file that was not where it should be when it was opened again.
func (m *manager) displaced(f *file) {
	if len(f.m.names) > 0 {
		m.look(slices.Clone(f.m.names))
		if len(f.m.names) > 0 {
			m.wake(f, cmdRead) // it was renamed meanwhile
			return
		}
		if f.m.rotation.left.IsZero() {
			m.depart(f)
		}
		return
	}
	m.looks.began = m.sys.now()
	switch found, err := m.relocate(f); {
	case err != nil: // it is not given up because nobody can look for it
		m.unreadable.failed(f.where(), err)
		f.m.turns.failure, f.m.turns.retry = err.Error(), m.looks.began.Add(m.cfg.PollInterval)
		m.swept.due[f] = struct{}{}
		return
	case found:
		m.wake(f, cmdRead)
		return
	}
	// It may have been compressed. Whoever does that removes the file last: what it has become is
	// there, and found before anything waits for f no more.
	m.gz.missing[f.firstPath] = true
	m.look(m.siblings([]string{f.where(), f.firstPath}, nil))
	m.wake(f, cmdFinish)
}

// reasonOf names an error for a metric.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	case tooMany(err):
		return reasonTooMany
	case errors.Is(err, syscall.EIO):
		return "io"
	case errors.Is(err, syscall.ESTALE):
		return "stale"
	case errors.Is(err, syscall.ELOOP):
		return "link_loop"
	case errors.Is(err, errCompressed):
		return "corrupt"
	}
	return "other"
}

func adviceFor(reason string) string {
	switch reason {
	case "permission":
		return "give the agent's user read permission, of a named pipe also write permission, and search permission on the directories above"
	case reasonTooMany:
		return "raise the limit of open files (LimitNOFILE, ulimit -n), or lower close_inactive or max_open_files"
	case "corrupt":
		return "what could be decompressed was read; replace the file if there is a better copy"
	}
	return "see the error"
}
