package tail

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Rotation happens where a file really is: what containers/x.log leads to is renamed in the
// directory of its pods, and current/app.log is not in the release that was current yesterday. So
// besides the path that a glob has led to, each file and position knows the real one.

// noteLocation notes that f is at path.
func (m *manager) noteLocation(f *file, path string) { f.setPath(path, m.realPath(path)) }

// realPath returns path without symbolic links, as of the last look; path itself where that cannot
// be told.
func (m *manager) realPath(path string) string {
	fi, err := os.Lstat(path)
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		return path
	}
	dir, base := filepath.Split(path)
	return filepath.Join(m.realDir(filepath.Clean(dir)), base)
}

// realDir is realPath of a directory. Many files share one, so it is remembered until the next
// look.
func (m *manager) realDir(dir string) string { return m.looks.realDirs.of(dir, m.looks.began) }

// realDirs is directories without symbolic links, as of one look.
type realDirs struct {
	look time.Time
	dirs map[string]string
}

func (r *realDirs) of(dir string, look time.Time) string {
	if !r.look.Equal(look) || r.dirs == nil {
		r.dirs, r.look = map[string]string{}, look
	}
	real, ok := r.dirs[dir]
	if !ok {
		var err error
		if real, err = filepath.EvalSymlinks(dir); err != nil {
			return dir
		}
		r.dirs[dir] = real
	}
	return real
}

// dirsOf returns the directories of paths, each once.
func dirsOf(paths ...string) []string {
	var out []string
	for _, path := range paths {
		dir := filepath.Dir(path)
		known := false
		for _, d := range out {
			known = known || d == dir
		}
		if !known {
			out = append(out, dir)
		}
	}
	return out
}

// nearby looks for the file of that identity in the directories of paths.
func (m *manager) nearby(id ident, birth int64, paths ...string) (path string, ok bool, err error) {
	for _, dir := range dirsOf(paths...) {
		near, e := m.neighbours(dir)
		if e != nil {
			err = e
			continue
		}
		if path, ok = near[id]; !ok {
			continue
		}
		if fi, e := m.sys.stat(path); e == nil && fi.is(id, birth) {
			return path, true, nil
		}
	}
	return "", false, err
}
