package tail

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// handle is an open regular file. Tens of thousands may exist, so it is no more than a descriptor.
type handle struct{ fd int }

// openHandle opens path for reading. It does not wait, whatever path turns out to be.
func openHandle(path string) (*handle, fileInfo, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fileInfo{}, &os.PathError{Op: "open", Path: path, Err: err}
		}
		fi, err := statFD(fd)
		if err != nil {
			_ = unix.Close(fd)
			return nil, fi, &os.PathError{Op: "stat", Path: path, Err: err}
		}
		return &handle{fd}, fi, nil
	}
}

func (h *handle) stat() (fileInfo, error) { return statFD(h.fd) }

// ReadAt implements io.ReaderAt.
func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := unix.Pread(h.fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, os.NewSyscallError("pread", err)
		}
		if m == 0 {
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

// Close implements io.Closer. What a close for reading could report is of no use to anybody.
func (h *handle) Close() error { return unix.Close(h.fd) }
