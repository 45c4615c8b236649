package tail

import (
	"errors"
	"io/fs"
)

// watches is the watcher, and the directories that it was asked for. It belongs to the manager's
// goroutine.
type watches struct {
	watch *watcher // nil while polling
	dirs  map[string]watched
}

// watched is which directory was at a path when its watch was added.
type watched struct {
	id    ident
	birth int64
}

func (w *watches) on() bool { return w.watch != nil }

// changes returns where notifications come; nil while polling.
func (w *watches) changes() <-chan changes {
	if w.watch == nil {
		return nil
	}
	return w.watch.out
}

// begin uses watch from here on.
func (w *watches) begin(watch *watcher) { w.watch, w.dirs = watch, map[string]watched{} }

// follow watches what is at dirs now, and nothing else, by add. An error says that it cannot go on.
func (w *watches) follow(dirs map[string]bool, add func(dir string) error) error {
	left := map[ident]bool{}
	for dir, was := range w.dirs {
		if dirs[dir] && isAt(dir, was) {
			continue
		}
		w.forget(dir)
		left[was.id] = true
	}
	for dir, is := range w.dirs {
		if left[is.id] { // it may have lost its watch with its other name
			delete(w.dirs, dir)
		}
	}
	for dir := range dirs {
		if _, known := w.dirs[dir]; known {
			continue
		}
		fi, _ := statPath(dir) // before: should it change in between, it is seen by the next look
		err := add(dir)
		switch {
		case err == nil:
			w.dirs[dir] = watched{fi.id, fi.birth}
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || isNotDir(err):
		default:
			return err
		}
	}
	return nil
}

// isAt reports whether what was at dir still is: a link may lead elsewhere.
func isAt(dir string, was watched) bool {
	fi, err := statPath(dir)
	return err == nil && fi.is(was.id, was.birth)
}

// forget ends the watch of a directory, and reports whether there was one.
func (w *watches) forget(dir string) bool {
	if _, known := w.dirs[dir]; !known {
		return false
	}
	delete(w.dirs, dir)
	w.watch.remove(dir)
	return true
}

// stop turns to polling.
func (w *watches) stop() {
	if w.watch != nil {
		w.watch.close()
	}
	w.watch, w.dirs = nil, nil
}
