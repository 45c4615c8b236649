package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record/durable"
	"golang.org/x/sys/unix"
)

// freeSpace returns the bytes that an ordinary user can still write to the file system of dir.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// diskUsage returns the disk that a directory's files occupy.
func diskUsage(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			n += allocated(path)
		}
		return nil
	})
	return n
}

// writeFile writes name in dir whole or not at all.
func writeFile(dir, name string, p []byte) error {
	tmp := filepath.Join(dir, name+".tmp")
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err := durable.Replace(filepath.Join(dir, name), f, err); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

const lockName = "LOCK"

// ErrLocked is wrapped by the error of opening a buffer that another process has open.
var ErrLocked = errors.New("buffer is in use")

// lockDir takes the directory for this process, until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if err != unix.EWOULDBLOCK {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		var pid [32]byte
		n, _ := f.ReadAt(pid[:], 0)
		return nil, fmt.Errorf(
			"%w: %s is open in process %s; stop that one first, or give this one a data_dir of its own",
			ErrLocked, dir, strings.TrimSpace(string(pid[:n])),
		)
	}
	// The process id is for people; the lock is what counts. A full disk must not keep the buffer
	// from opening.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return f, nil
}
