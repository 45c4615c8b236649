package buffer

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/penstock/penstock/buffer/record/durable"
	"golang.org/x/sys/unix"
)

// step is one thing that the life of a segment asks of the file system. Each may fail, and in a
// test each is made to.
type step string

const (
	stepSpace   step = "statfs"
	stepCreate  step = "create database"
	stepOpen    step = "open file"
	stepReserve step = "allocate"
	stepSync    step = "sync file"
	stepSyncDir step = "sync directory"
	stepWrite   step = "write group"
	stepStore   step = "write file"
	stepFlush   step = "close database"
	stepClose   step = "close file"
	stepSeal    step = "write seal"
	stepRename  step = "rename directory"
	stepRemove  step = "remove directory"
	stepRead    step = "open for reading"
)

// disk does what segments ask of the file system, unless fault says otherwise. All fields are zero
// outside of tests.
type disk struct {
	fault       func(s step, path string) error
	patience    time.Duration // instead of closePatience
	throughMaps bool          // as where no map can be taken
}

func (d disk) try(s step, path string) error {
	if d.fault == nil {
		return nil
	}
	if err := d.fault(s, path); err != nil {
		return &os.PathError{Op: string(s), Path: path, Err: err}
	}
	return nil
}

func (d disk) open(path string) (*os.File, error) {
	if err := d.try(stepOpen, path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// create makes an empty file.
func (d disk) create(path string) error {
	if err := d.try(stepOpen, path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	return f.Close()
}

func (d disk) openToRead(path string) (*os.File, error) {
	if err := d.try(stepRead, path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func (d disk) freeSpace(dir string) (int64, error) {
	if err := d.try(stepSpace, dir); err != nil {
		return 0, err
	}
	return freeSpace(dir)
}

func (d disk) reserve(f *os.File, from, to int64) (ok bool, err error) {
	if err := d.try(stepReserve, f.Name()); err != nil {
		return true, err
	}
	return reserve(f, from, to)
}

// takeMap puts memory in the place of Badger's map of f, where that can be done.
func (d disk) takeMap(f *os.File) shadow {
	if d.throughMaps {
		return shadow{}
	}
	return takeMap(f)
}

// store writes the n bytes at from of m to f at off.
func (d disk) store(f *os.File, m shadow, from, n, off int64) error {
	if err := d.try(stepStore, f.Name()); err != nil {
		_ = m.store(f, from, n/2, off) // a write that fails may have done a part
		return err
	}
	return m.store(f, from, n, off)
}

func (d disk) sync(f *os.File) error {
	if err := d.try(stepSync, f.Name()); err != nil {
		return err
	}
	return syncData(f)
}

// syncAll makes the file's size and allocation durable, too.
func (d disk) syncAll(f *os.File) error {
	if err := d.try(stepSync, f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

func (d disk) syncDir(dir string) error {
	if err := d.try(stepSyncDir, dir); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// close closes f, whatever it returns.
func (d disk) close(f *os.File) error { return errors.Join(d.try(stepClose, f.Name()), f.Close()) }

func (d disk) rename(from, to string) error {
	if err := d.try(stepRename, from); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d disk) removeAll(dir string) error {
	if err := d.try(stepRemove, dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// needDescriptors fails unless n descriptors are to be had now. Where Badger finds too few of them
// while it opens a database, what it has opened by then is never closed.
func needDescriptors(dir string, n int) (err error) {
	fds := make([]int, 0, n)
	for len(fds) < n && err == nil {
		var fd int
		if fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			fds = append(fds, fd)
		} else if err == unix.EINTR {
			err = nil
		}
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return nil
}

// needRoom fails unless n bytes can be written in dir now, whatever the file system says is free.
// Where Badger finds no room while it opens a database, what it has begun by then is never ended.
func needRoom(dir string, n int) error {
	f, err := os.CreateTemp(dir, trashPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, n))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// IsFull reports whether a buffer could not be opened, or a cursor not be begun, because the disk
// has no room. There may be some later.
func IsFull(err error) bool { return errors.Is(err, errNoSpace) || isFull(err) }

// isFull reports whether err says that there is no room on the disk, or none for this user.
func isFull(
	err error,
) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
