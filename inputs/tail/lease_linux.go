package tail

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// takeLease takes a lease on an open file, until that is closed: nobody has the file open for
// writing, and whoever wants to is held up.
func takeLease(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN):
		return keptWriter
	}
	return keptUnknown
}

// isLeased reports whether nobody is held up.
func isLeased(fd int) bool {
	kind, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
	return err == nil && kind == unix.F_RDLCK
}

// renameTo renames a file, unless there is one of the new name.
func renameTo(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EXDEV):
		return keptElsewhere
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
