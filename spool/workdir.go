package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// workDir is a directory of the working files of all cuts. There may be another one below root: of
// an output that a reload replaces, or of another process. It is locked while it is in use, and
// holds nothing that outlives the archiver. Safe for concurrent use, once it is made.
type workDir struct {
	root, path string
	lock       *os.File
	serial     atomic.Int64
}

// make makes it, empty: what others have left, and not those in use, goes.
func (d *workDir) make() error {
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		return err
	}
	making, err := lock(d.root, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer making.Close()
	entries, err := os.ReadDir(d.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(d.root, e.Name())
		left, err := lock(name, syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue // in use, or just given up
		}
		if err == nil {
			left.Close()
			err = os.RemoveAll(name)
		}
		if err != nil {
			return err
		}
	}
	if d.path, err = os.MkdirTemp(d.root, ""); err != nil {
		return err
	}
	d.lock, err = lock(d.path, syscall.LOCK_EX|syscall.LOCK_NB)
	return err
}

// lock opens what is at path and locks it.
func lock(path string, how int) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// newStore returns a working file of that kind which nobody else has.
func (d *workDir) newStore(kind string) *store {
	return &store{path: filepath.Join(d.path, fmt.Sprintf("%d.%s", d.serial.Add(1), kind))}
}

func (d *workDir) remove() error { return errors.Join(os.RemoveAll(d.path), d.lock.Close()) }
