package local

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
)

const (
	workRoot = ".penstock"
	workDir  = workRoot + "/tmp"
)

// workFile is a file being written. It is locked while it is open, so that another process on the
// same directory can tell it from what a crash left behind.
type workFile struct {
	*os.File
	root *os.Root
	name string // "" once it has another
}

func createWork(root *os.Root, mode fs.FileMode) (*workFile, error) {
	for range 10 {
		name := workDir + "/" + rand.Text()
		f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrNotExist) {
			if err := root.MkdirAll(workDir, 0o700); err != nil {
				return nil, err
			}
			f, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		}
		if err != nil {
			return nil, err
		}
		w := &workFile{File: f, root: root, name: name}
		taken, err := lockWork(root, f, name)
		switch {
		case err != nil:
			w.discard()
			return nil, err
		case !taken:
			return w, nil
		}
		w.discard()
	}
	return nil, takenAway("file")
}

// lockWork locks what was just made. It is taken if another process that starts on the directory
// came first, and removes it.
func lockWork(root *os.Root, f *os.File, name string) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", name, err)
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && !os.SameFile(mine, named), err
}

func takenAway(what string) error {
	return fmt.Errorf("lock a working %s in %s: taken away again and again", what, workDir)
}

// discard closes the file and removes its working name, if it has that still.
func (w *workFile) discard() {
	w.Close()
	if w.name != "" {
		_ = w.root.Remove(w.name) // or the next start removes it
	}
}

// cleanWork removes the files of processes that are no more.
func cleanWork(root *os.Root) error {
	dir, err := root.Open(workDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, access := path.Join(workDir, e.Name()), os.O_RDWR
		if e.IsDir() { // a batch
			access = os.O_RDONLY
		}
		f, err := root.OpenFile(name, access|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // renamed meanwhile, or another user's
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = root.RemoveAll(name)
		}
		f.Close()
	}
	return nil
}
