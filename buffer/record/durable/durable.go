package durable

import (
	"errors"
	"os"
)

// Replace ends the writing of f, a new file in the directory of name. It syncs and closes f and
// puts it in the place of name, so that a crash leaves the one or the other. If that fails, or
// written is what writing to f failed with, f is removed and name is as it was. Whether name is the
// new one after a crash is not known before SyncDir of its directory.
func Replace(name string, f *os.File, written error) error {
	err := errors.Join(written, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// SyncDir makes durable which files a directory has.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
