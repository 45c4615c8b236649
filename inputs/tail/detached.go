package tail

import (
	"errors"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// detachedPositions are those of content that no open or matching file is known to hold: after a
// start all, later of what is gone.
type detachedPositions struct {
	byKey  map[string]*position
	byIno  map[uint64][]*position
	byPath map[string][]*position // by where they were last seen
	// bySource are those of what was seen elsewhere than where it was first, by that.
	bySource map[string][]*position
}

func newDetached(all []*position) *detachedPositions {
	k := &detachedPositions{
		byKey:    map[string]*position{},
		byIno:    map[uint64][]*position{},
		byPath:   map[string][]*position{},
		bySource: map[string][]*position{},
	}
	for _, p := range all {
		k.add(p)
	}
	return k
}

func (k *detachedPositions) add(p *position) {
	k.byKey[p.key] = p
	k.byIno[p.Ino] = append(k.byIno[p.Ino], p)
	k.byPath[p.Path] = append(k.byPath[p.Path], p)
	if p.origin() != p.Path {
		k.bySource[p.origin()] = append(k.bySource[p.origin()], p)
	}
}

func (k *detachedPositions) remove(p *position) {
	delete(k.byKey, p.key)
	without(k.byIno, p.Ino, p)
	without(k.byPath, p.Path, p)
	if p.origin() != p.Path {
		without(k.bySource, p.origin(), p)
	}
}

func without[K comparable](index map[K][]*position, key K, p *position) {
	list := slices.DeleteFunc(slices.Clone(index[key]), func(q *position) bool { return q == p })
	if len(list) == 0 {
		delete(index, key)
	} else {
		index[key] = list
	}
}

// at returns the positions that may be those of fi at path: same inode, and same device or, as
// devices are numbered anew by a reboot, same path.
func (k *detachedPositions) at(fi *fileInfo, path string) []*position {
	var out []*position
	for _, p := range k.byIno[fi.id.ino] {
		if p.Trunc || fi.birth != 0 && p.Birth != 0 && fi.birth != p.Birth {
			continue
		}
		if p.Dev == fi.id.dev || p.Path == path {
			out = append(out, p)
		}
	}
	return out
}

// truncated reports whether the file was found truncated before.
func (k *detachedPositions) truncated(id ident) bool {
	return slices.ContainsFunc(
		k.byIno[id.ino], func(p *position) bool { return p.Trunc && p.Dev == id.dev },
	)
}

// bigEndian reports whether what was in the file, before it was truncated, was big endian.
func (k *detachedPositions) bigEndian(fi *fileInfo) bool {
	var last *position
	for _, p := range k.byIno[fi.id.ino] {
		if p.Trunc && fi.is(p.id(), p.Birth) && (last == nil || byKey(last, p) < 0) {
			last = p
		}
	}
	return last != nil && last.BigEndian
}

// readAfter reports whether something was read of a file of that source that was made after the
// one seen.
func (k *detachedPositions) readAfter(source string, fi *fileInfo) bool {
	after := func(p *position) bool {
		switch {
		case p.origin() != source || p.Off == 0:
			return false
		case p.compressed():
			return fi.birth != 0 && fi.mtime <= p.Written
		}
		return fi.olderThan(p.Birth, p.Copy)
	}
	return slices.ContainsFunc(k.byPath[source], after) ||
		slices.ContainsFunc(k.bySource[source], after)
}

// olderThan reports whether what is in the file was written before what is in one that was made at
// birth, perhaps as a copy of what had been written then.
func (fi *fileInfo) olderThan(birth int64, isCopy bool) bool {
	if isCopy {
		return fi.birth != 0 && birth > fi.mtime
	}
	return fi.birth != 0 && birth > fi.birth
}

// knows reports whether something of that source was read before, wherever it is now: the log may
// just be between two names.
func (k *detachedPositions) knows(source string) bool {
	return len(k.byPath[source]) > 0 || len(k.bySource[source]) > 0
}

// expire removes and returns what has been gone since before t.
func (k *detachedPositions) expire(t time.Time) []*position {
	var out []*position
	for _, p := range k.byKey {
		if p.Gone != 0 && time.Unix(p.Gone, 0).Before(t) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, byKey)
	for _, p := range out {
		k.remove(p)
	}
	return out
}

// rotationsOf yields each name that rotation may have made name of, with what it has added: app.log
// of app.log.1, app.log-20260131 and app-1.log. What it has added is longest in the first.
func rotationsOf(name string) iter.Seq2[string, string] {
	return func(yield func(original, suffix string) bool) {
		ext := filepath.Ext(name)
		stem := strings.TrimSuffix(name, ext)
		for i := 1; i < len(name)-1; i++ {
			if !strings.ContainsRune(".-_", rune(name[i])) {
				continue
			}
			if suffixOfRotation(name[i+1:]) && !yield(name[:i], name[i+1:]) {
				return
			}
			if ext != "" && i+1 < len(stem) && suffixOfRotation(stem[i+1:]) &&
				!yield(name[:i]+ext, stem[i+1:]) {
				return
			}
		}
	}
}

// originalsOf returns the names that rotation may have made name of.
func originalsOf(name string) []string {
	var out []string
	for original := range rotationsOf(name) {
		out = append(out, original)
	}
	return out
}

// rotationSuffix returns what rotation has added to name, or "".
func rotationSuffix(name string) string {
	for _, suffix := range rotationsOf(name) {
		return suffix
	}
	return ""
}

// sourceOf returns the path whose order the file seen, of which nothing is known, belongs to:
// app.log for app.log.1 and app.log.2.gz, where app.log is read too. So what was rotated while
// nobody looked keeps its place, its tag and its origin. It is a source of its own if what was
// written after it is being read already.
func (m *manager) sourceOf(s observation) string {
	dir, base := filepath.Split(s.path)
	name := uncompressedName(base)
	for _, of := range append(originalsOf(name), name) {
		source := dir + of
		if of == base || !strings.HasPrefix(name, of) || !m.globs.match(source) {
			continue
		}
		live := m.table.byPath[source]
		if live != nil && live.m.started && (live.birth == 0 || live.birth >= s.fi.birth) &&
			!m.followed(live, &s) {
			return s.path
		}
		if slices.ContainsFunc(m.sources.streams[source], func(g *file) bool {
			if g.delivered.Load() == 0 || g.compression != none || name != base ||
				m.followed(g, &s) {
				return false
			}
			// what cannot be told by their births, or in one tick of the clock, is by their names
			return (s.fi.birth == 0 || s.fi.birth == g.birth ||
				s.fi.olderThan(g.birth, g.isCopy)) && m.seenOlder(s, g)
		}) || name == base && (m.detached.readAfter(source, &s.fi) ||
			m.readCompressedAfter(source, &s.fi)) {
			return s.path
		}
		if live != nil || source == m.decision.truncating || m.sources.unnamed[source] ||
			s.was != nil && s.was.firstPath == source ||
			len(m.sources.streams[source]) > 0 || m.knows(source) {
			return source
		}
		if fi, err := m.sys.stat(source); err == nil && fi.regular() {
			return source
		}
	}
	return s.path
}

// readCompressedAfter is readAfter for compressed files that are still there.
func (m *manager) readCompressedAfter(source string, fi *fileInfo) bool {
	for f := range m.sources.families[familyOf(source)] {
		if f.firstPath == source && f.compression != none && f.delivered.Load() > 0 &&
			fi.birth != 0 && fi.mtime <= f.written {
			return true
		}
	}
	return false
}

// knows reports whether something of that source was read before: it may be in a file that is known
// to be read to its end.
func (m *manager) knows(source string) bool {
	if m.detached.knows(source) {
		return true
	}
	for f := range m.sources.families[familyOf(source)] {
		if f.firstPath == source {
			return true
		}
	}
	return false
}

// followed reports whether the log f, of which the file system does not know when it was made, was
// truncated, which is still to be noticed, and s is what was written between: it is not what was
// read of f, and it was written to after that was.
func (m *manager) followed(f *file, s *observation) bool {
	return (f.birth == 0 || f.birth == s.fi.birth) && s.fi.mtime > f.changed.Load() &&
		uncompressedName(s.path) == s.path && m.isLive(f) && m.shrunk(f)
}

// justRotated is how long ago a log may have been rotated that has no name when it is looked for.
const justRotated = time.Minute

// expectNames notes, of all that the first look has found, which logs have no name now although
// rotations of them do: nothing of them was ever read that tells so. What is named app.log.1 is one
// of app.log. What bears a date may be a log that is written under that name, and web.1 one of
// several: they are rotations if they were renamed lately, and not written to since.
func (m *manager) expectNames(found []observation) {
	known := map[string]bool{} // what is of a known family was decided when that was found
	for _, p := range m.detached.byKey {
		known[familyOf(p.Path)], known[familyOf(p.origin())] = true, true
	}
	for i := range found {
		dir, base := filepath.Split(found[i].path)
		name := uncompressedName(base)
		family := familyOf(found[i].path)
		if known[family] || len(m.sources.families[family]) > 0 {
			continue
		}
		for of, suffix := range rotationsOf(name) {
			source := dir + of
			if len(of)+1+len(suffix) != len(name) || !strings.HasPrefix(name, of) ||
				!m.globs.match(source) {
				continue
			}
			fi := &found[i].fi
			counts := filepath.Ext(of) != "" && !suffixOfRotation(filepath.Ext(of)[1:]) &&
				!dated(ageOf(found[i].path, fi).number)
			age := m.sys.now().Sub(time.Unix(0, fi.ctime)).Abs()
			renamed := name == base && fi.ctime > fi.mtime && age < justRotated
			if _, err := m.sys.stat(source); errors.Is(err, fs.ErrNotExist) && (counts || renamed) {
				m.sources.unnamed[source] = true
			}
		}
	}
}

// isRotationOf reports whether a file named name may be what rotation made of one named of.
func isRotationOf(name, of string) bool { return slices.Contains(originalsOf(name), of) }

// suffixOfRotation reports whether s looks like a number, a date, or a word such as old.
func suffixOfRotation(s string) bool {
	switch strings.ToLower(s) {
	case "old", "bak", "prev", "previous", "last", "rotated", "copy", "orig", "save":
		return true
	}
	digits := false
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits = true
		case strings.ContainsRune("-_.:TZ+", c):
		default:
			return false
		}
	}
	return digits
}

// uncompressedName returns the name without .gz or the like.
func uncompressedName(name string) string {
	for i := range formats {
		if s, ok := strings.CutSuffix(name, formats[i].ext); ok {
			return s
		}
	}
	return name
}

// related reports whether the compressed file at path may hold what was at other: the names are the
// same but for what rotation adds.
func related(path, other string) bool {
	return rotationStem(path) == rotationStem(other)
}

func rotationStem(path string) string {
	name := uncompressedName(filepath.Base(path))
	// What rotation adds is made of digits and separators, and words that suffixOfRotation knows.
	var b strings.Builder
	separates := func(r rune) bool { return strings.ContainsRune(".-_:", r) }
	for _, part := range strings.FieldsFunc(name, separates) {
		if suffixOfRotation(strings.TrimLeft(part, "TZ")) {
			continue
		}
		b.WriteString(part)
		b.WriteByte('.')
	}
	return b.String()
}
