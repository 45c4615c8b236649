package buffer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes the bytes of f durable, those written through a memory map of the same file
// included.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// reserve allocates disk for [from, to) of f. ok is false where the file system cannot.
func reserve(f *os.File, from, to int64) (ok bool, err error) {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, from, to-from)
		switch {
		case err == unix.EINTR:
		case errors.Is(err, errors.ErrUnsupported):
			return false, nil
		default:
			return true, os.NewSyscallError("fallocate", err)
		}
	}
}

// skipHole returns the offset of the next data of f at or after off, or off where this is not
// known.
func skipHole(f *os.File, off int64) int64 {
	if n, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA); err == nil {
		return n
	} else if err == unix.ENXIO {
		if fi, err := f.Stat(); err == nil {
			return max(off, fi.Size())
		}
	}
	return off
}

// readAhead asks the kernel to fetch [off, off+n) of f, without waiting.
func readAhead(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED)
}

// allocated returns the disk that f occupies.
func allocated(path string) int64 {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return st.Blocks * 512
}
