package tail

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs"
)

// Foreign is how far another program has read a file.
type Foreign struct {
	Path string // where it knew the file to be; "" if it does not tell
	Dev  uint64 // 0 if it does not tell
	Ino  uint64 // 0 if it does not tell
	Off  int64  // after the last line it has passed on, or within the line after that
	// Holds reports whether the file that r reads is the one; nil if it is known by what is above.
	Holds func(r io.ReaderAt, size int64) (bool, error)
	// From is where this is written, for people.
	From string
}

// Taken is what became of a foreign position, or of a file without any.
type Taken struct {
	Fate  Fate
	Index int    // of the foreign position, or -1
	Path  string // where the file is, or was
	Off   int64  // where reading goes on
	Size  int64  // of the file
	Err   error  // for Unusable
}

// Fate is what became of a foreign position.
type Fate string

const (
	// TakenOver is the fate of a position at which reading goes on.
	TakenOver Fate = "taken over"
	// Kept is that of one whose file this input has read already: its own position counts.
	Kept Fate = "kept"
	// Shorter is that of one beyond the end of the file: it was truncated, and is read from its
	// beginning.
	Shorter Fate = "shorter"
	// Gone is that of one whose file is nowhere near.
	Gone Fate = "gone"
	// Unusable is that of one whose file cannot be told or read.
	Unusable Fate = "unusable"
	// Unread is that of a file of which no position tells: it is read from its beginning.
	Unread Fate = "unread"
)

// TakeOver makes positions of this input out of those of another program, which has stopped. stored
// are the positions that the input has already: they are not touched. What is returned is to be
// stored before the input runs. A foreign position that concerns no file of this input has no fate.
func (c *Config) TakeOver(
	all []Foreign, stored map[string][]byte, now time.Time,
) ([]inputs.Position, []Taken) {
	known, started, _ := decodePositions(stored)
	t := &takeover{cfg: c, globs: newGlobs(c), known: known, now: now}
	t.look()
	taken := t.takeAll(all)
	for _, f := range t.files {
		if !f.taken &&
			!slices.ContainsFunc(known, func(p *position) bool { return p.id() == f.fi.id }) {
			taken = append(taken, Taken{Fate: Unread, Index: -1, Path: f.path, Size: f.fi.size})
		}
	}
	if t.made == nil {
		return nil, taken
	}
	// The oldest content has the oldest key: it is read first.
	slices.SortStableFunc(
		t.made,
		func(a, b *candidate) int { return cmp.Compare(a.fi.mtime, b.fi.mtime) },
	)
	var out []inputs.Position
	if !started {
		out = append(out, inputs.Position{Key: startedKey, Value: []byte("true")})
	}
	for i, f := range t.made {
		f.pos.key = newKey(f.fi.id, now.Add(time.Duration(i)))
		out = append(out, f.pos.stored())
	}
	return out, taken
}

type takeover struct {
	cfg   *Config
	globs *globs
	known []*position
	now   time.Time
	files []*candidate // those the globs lead to, by path
	made  []*candidate

	renamed []*candidate // what siblings has found, once
}

type candidate struct {
	path  string
	fi    fileInfo
	taken bool
	pos   *position
	// former is the path that it had within the reach of the globs, by its name; "" if it is there
	former string
}

// look finds the files that the input would read.
func (t *takeover) look() {
	for path := range t.globs.walk().paths {
		if fi, err := statPath(path); err == nil && fi.regular() {
			t.files = append(t.files, &candidate{path: path, fi: fi})
		}
	}
	slices.SortFunc(t.files, func(a, b *candidate) int { return cmp.Compare(a.path, b.path) })
	// One file under two names is read once.
	seen := map[ident]bool{}
	t.files = slices.DeleteFunc(t.files, func(f *candidate) bool {
		again := seen[f.fi.id]
		seen[f.fi.id] = true
		return again
	})
}

// takeAll takes the positions of files that are where they were first: others may tell of a file
// that is gone, and whose inode one of those has got.
func (t *takeover) takeAll(all []Foreign) (taken []Taken) {
	fates := make([]Taken, len(all))
	var others []int
	for i := range all {
		if p := &all[i]; p.Ino != 0 && !p.stands() {
			others = append(others, i)
			continue
		}
		fates[i] = t.take(&all[i])
	}
	for _, i := range others {
		fates[i] = t.take(&all[i])
	}
	for i := range fates {
		if fates[i].Fate != "" {
			fates[i].Index = i
			taken = append(taken, fates[i])
		}
	}
	return taken
}

// stands reports whether the file of p's inode is where it was.
func (p *Foreign) stands() bool {
	fi, err := statPath(p.Path)
	return err == nil && fi.id.ino == p.Ino
}

// mayBe reports whether the file at path, which has p's inode, may be the one that p tells of, and
// not a later one that has got the inode: it is there under another name, too, or is called what
// rotation makes of the name, in the same directory or below it.
func (p *Foreign) mayBe(path string) bool {
	if p.Path == "" || p.stands() {
		return true
	}
	was := []string{filepath.Clean(p.Path)}
	if real, err := filepath.EvalSymlinks(p.Path); err == nil {
		was = append(was, real)
	}
	return slices.ContainsFunc(was, func(was string) bool {
		dir, _ := filepath.Split(was)
		return related(path, was) && strings.HasPrefix(path, dir)
	})
}

func (t *takeover) take(p *Foreign) Taken {
	f, err := t.find(p)
	wanted := p.Path != "" && t.globs.match(filepath.Clean(p.Path))
	switch {
	case err != nil:
		return Taken{Fate: Unusable, Path: p.Path, Err: err}
	case f == nil && wanted:
		return Taken{Fate: Gone, Path: p.Path}
	case f == nil:
		return Taken{}
	}
	out := Taken{Path: f.path, Off: p.Off, Size: f.fi.size}
	for _, k := range t.known {
		if k.id() == f.fi.id && !k.Trunc {
			out.Fate, out.Off = Kept, k.Off
			f.taken = true
			return out
		}
	}
	if f.taken {
		out.Fate = Unusable
		out.Err = errors.New("another position, which counts, tells of the same file")
		return out
	}
	path := cmp.Or(f.former, f.path)
	if wanted {
		path = filepath.Clean(p.Path)
	}
	f.pos, err = t.position(f, path, p.Off)
	switch {
	case errors.Is(err, errShorter):
		out.Fate, out.Off = Shorter, 0
		f.taken = true
		return out
	case err != nil:
		out.Fate, out.Err = Unusable, err
		return out
	}
	f.taken = true
	t.made = append(t.made, f)
	out.Fate, out.Off = TakenOver, f.pos.Off
	return out
}

// find returns the file that a position tells of, or nil.
func (t *takeover) find(p *Foreign) (*candidate, error) {
	if p.Ino != 0 {
		return t.byIno(p)
	}
	if p.Holds != nil {
		return t.byContent(p)
	}
	for _, f := range t.files {
		if f.path == filepath.Clean(p.Path) {
			return f, nil
		}
	}
	fi, err := statPath(p.Path)
	if err != nil || !fi.regular() {
		return nil, nil
	}
	for _, f := range t.files { // under another name
		if f.fi.id == fi.id {
			return f, nil
		}
	}
	return nil, nil
}

// byIno finds a file by its inode, among those that mayBe it, and by its path where an inode of
// that number is on several devices. A file that has been renamed out of the reach of the globs is
// looked for beside where it was.
func (t *takeover) byIno(p *Foreign) (*candidate, error) {
	var found []*candidate
	for _, f := range t.files {
		if f.fi.id.ino != p.Ino {
			continue
		}
		if f.path == p.Path {
			return f, nil
		}
		if p.mayBe(f.path) {
			found = append(found, f)
		}
	}
	if p.Dev != 0 && len(found) > 1 {
		found = slices.DeleteFunc(found, func(f *candidate) bool { return f.fi.id.dev != p.Dev })
	}
	if p.Path != "" && len(found) > 1 {
		found = slices.DeleteFunc(
			found, func(f *candidate) bool { return filepath.Dir(f.path) != filepath.Dir(p.Path) },
		)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf(
			"%s and %s, on different devices, have its inode %d",
			found[0].path,
			found[1].path,
			p.Ino,
		)
	case p.Path == "":
		for _, f := range t.siblings() {
			if f.fi.id.ino == p.Ino && (p.Dev == 0 || p.Dev == f.fi.id.dev) {
				return f, nil
			}
		}
		return nil, nil
	case !t.globs.match(filepath.Clean(p.Path)):
		return nil, nil
	}
	dirs := []string{filepath.Dir(p.Path)}
	if real, err := filepath.EvalSymlinks(p.Path); err == nil && filepath.Dir(real) != dirs[0] {
		dirs = append(dirs, filepath.Dir(real))
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if fi, err := statPath(path); err == nil && fi.regular() && fi.id.ino == p.Ino &&
				p.mayBe(path) {
				return &candidate{path: path, fi: fi}, nil
			}
		}
	}
	return nil, nil
}

// byContent finds the one file that holds what the position was taken from.
func (t *takeover) byContent(p *Foreign) (*candidate, error) {
	found, err := oneThatHolds(t.files, p)
	if found != nil || err != nil || p.Path != "" && !t.globs.match(filepath.Clean(p.Path)) {
		return found, err
	}
	return oneThatHolds(t.siblings(), p)
}

// siblings returns the files beside those the globs lead to that are called like one within their
// reach, with something behind that: app.log.1, app.log-20240229. They were renamed, where the
// position does not tell from which path.
func (t *takeover) siblings() []*candidate {
	if t.renamed != nil {
		return t.renamed
	}
	t.renamed = []*candidate{}
	dirs, seen := map[string]bool{}, map[ident]bool{}
	for _, f := range t.files {
		dirs[filepath.Dir(f.path)] = true
		seen[f.fi.id] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // what the globs lead to is looked at all the same
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			former := t.former(path)
			if former == "" {
				continue
			}
			fi, err := statPath(path)
			if err != nil || !fi.regular() || seen[fi.id] {
				continue
			}
			seen[fi.id] = true
			t.renamed = append(t.renamed, &candidate{path: path, fi: fi, former: former})
		}
	}
	return t.renamed
}

// former returns the longest beginning of a name that is within the reach of the globs, or "".
func (t *takeover) former(path string) string {
	dir, name := filepath.Split(path)
	for i := len(name) - 1; i > 0; i-- {
		if strings.IndexByte(".-_~", name[i]) >= 0 && t.globs.match(dir+name[:i]) {
			return dir + name[:i]
		}
	}
	return ""
}

// oneThatHolds finds the one file that holds what the position was taken from.
func oneThatHolds(files []*candidate, p *Foreign) (*candidate, error) {
	var found *candidate
	for _, f := range files {
		holds, err := f.holds(p)
		if err != nil {
			return nil, err
		}
		if !holds {
			continue
		}
		if f.path == p.Path {
			return f, nil
		}
		if found != nil {
			return nil, fmt.Errorf(
				"%s and %s both begin like the file it tells of", found.path, f.path,
			)
		}
		found = f
	}
	return found, nil
}

func (f *candidate) holds(p *Foreign) (bool, error) {
	h, fi, err := openHandle(f.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = h.Close() }()
	return p.Holds(h, fi.size)
}

var errShorter = errors.New("the file is shorter")

// position makes a position at off, or at the beginning of the line that off lies in.
func (t *takeover) position(f *candidate, path string, off int64) (*position, error) {
	h, fi, err := openHandle(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	var head [headSize]byte
	n, err := h.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case fi.id != f.fi.id:
		return nil, errors.New("it was replaced while it was looked at")
	case compressionOf(f.path, head[:n]) != none:
		return nil, errors.New("it is compressed: a position in it cannot be taken over")
	case off < 0 || off > fi.size:
		return nil, errShorter
	}
	p, err := lineStart(h, off, t.cfg, t.cfg.MaxLineSize+1)
	if err != nil {
		return nil, err
	}
	pos := &position{
		Path: path, Dev: fi.id.dev, Ino: fi.id.ino, Birth: fi.birth, Off: p.off, Head: p.head,
		Tail: p.tail,
	}
	if real, err := filepath.EvalSymlinks(f.path); err == nil && real != path {
		pos.Real = real
	}
	return pos, nil
}
