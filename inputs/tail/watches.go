package tail

import (
	"errors"
	"io/fs"
)

// watches is the watcher, and the directories that it was asked for. It belongs to the manager's
// goroutine.
type watches struct {
	watch *watcher // nil while polling
	dirs  map[string]bool
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
func (w *watches) begin(watch *watcher) { w.watch, w.dirs = watch, map[string]bool{} }

// follow watches dirs, and no others, by add. An error says that it cannot go on.
func (w *watches) follow(dirs map[string]bool, add func(dir string) error) error {
	for dir := range w.dirs {
		if !dirs[dir] {
			w.forget(dir)
		}
	}
	for dir := range dirs {
		if w.dirs[dir] {
			continue
		}
		err := add(dir)
		switch {
		case err == nil:
			w.dirs[dir] = true
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || isNotDir(err):
		default:
			return err
		}
	}
	return nil
}

// forget ends the watch of a directory, and reports whether there was one.
func (w *watches) forget(dir string) bool {
	if !w.dirs[dir] {
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
