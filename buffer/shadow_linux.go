package buffer

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// shadow is private memory in the place of a memory map that Badger has made of a file. Badger
// writes to it as it did before, and what it wrote goes to the file by write(2), where a full disk
// is an error; through the map it is a SIGBUS that ends the process. The zero value is none.
//
// Not safe for concurrent use, Badger's included.
type shadow struct {
	addr uintptr
	size int64

	ready int64 // up to where there is memory of what was stored before (recycle)
	stays bool  // the kernel does not move memory
}

// takeMap puts a shadow in the place of this process's map of f, if there is exactly one and /proc
// tells of it. What was written through the map before is in the file, and not in the shadow.
func takeMap(f *os.File) shadow {
	m := findMap(f)
	if m.missing() {
		return m
	}
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANON |
		unix.MAP_FIXED | unix.MAP_NORESERVE
	if _, _, err := unix.Syscall6(
		unix.SYS_MMAP, m.addr, uintptr(m.size), prot, flags, ^uintptr(0), 0,
	); err != 0 {
		return shadow{} // the map is as it was
	}
	m.advise(0, m.size, unix.MADV_NOHUGEPAGE)
	return m
}

// findMap returns where f is mapped from its beginning, shared and writable.
func findMap(f *os.File) shadow {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return shadow{}
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return shadow{}
	}
	defer maps.Close()
	var found shadow
	sc := bufio.NewScanner(maps)
	for sc.Scan() {
		if !strings.HasSuffix(sc.Text(), " "+path) {
			continue
		}
		var from, to, off uint64
		var mode string
		if _, err := fmt.Sscanf(
			sc.Text(), "%x-%x %s %x", &from, &to, &mode, &off,
		); err != nil || mode != "rw-s" || off != 0 || !found.missing() {
			return shadow{}
		}
		found = shadow{addr: uintptr(from), size: int64(to - from)}
	}
	if sc.Err() != nil {
		return shadow{}
	}
	return found
}

func (m shadow) missing() bool { return m.size == 0 }

// store writes the n bytes at from of the shadow to the file at off.
func (m shadow) store(f *os.File, from, n, off int64) error {
	if from < 0 || n < 0 || from+n > m.size {
		return fmt.Errorf("%d bytes at %d of %d: %w", n, from, m.size, io.ErrShortWrite)
	}
	for n > 0 {
		done, _, err := unix.Syscall6(
			unix.SYS_PWRITE64, f.Fd(), m.addr+uintptr(from), uintptr(n), uintptr(off), 0, 0,
		)
		switch {
		case err == unix.EINTR:
		case err != 0:
			return &os.PathError{Op: "write", Path: f.Name(), Err: err}
		case done == 0:
			return &os.PathError{Op: "write", Path: f.Name(), Err: io.ErrShortWrite}
		default:
			from, n, off = from+int64(done), n-int64(done), off+int64(done)
		}
	}
	return nil
}

// forget gives the memory of [from, to) back but for the page of to, which is written to next.
func (m shadow) forget(from, to int64) {
	page := int64(os.Getpagesize())
	if from, to = from&^(page-1), min(to, m.size)&^(page-1); from < to {
		m.advise(from, to, unix.MADV_DONTNEED)
	}
}

// mostReady bounds the memory that is kept for what is written next.
const mostReady = 4 << 20

// recycle is forget, but what memory it can it moves to where is written next, which takes a tenth
// of the time that new memory does. What is read there before it is written to is undefined.
//
// https://man7.org/linux/man-pages/man2/mremap.2.html, since Linux 5.7
func (m *shadow) recycle(from, to int64) {
	page := int64(os.Getpagesize())
	from, to = from&^(page-1), min(to, m.size)&^(page-1)
	next := max(m.ready, to+page)
	n := min(to-from, to+page+mostReady-next, m.size&^(page-1)-next)
	if n > 0 && !m.stays {
		const flags = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED | unix.MREMAP_DONTUNMAP
		if _, _, err := unix.Syscall6(
			unix.SYS_MREMAP, m.addr+uintptr(from), uintptr(n), uintptr(n), flags,
			m.addr+uintptr(next), 0,
		); err == 0 {
			m.ready = next + n
			from += n
		}
		m.stays = m.ready != next+n
	}
	m.forget(from, to)
}

func (m shadow) advise(from, to int64, advice uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.addr+uintptr(from), uintptr(to-from), advice)
}

// unmap gives the shadow back, to which nobody writes any more.
func (m shadow) unmap() {
	if !m.missing() {
		_, _, _ = unix.Syscall(unix.SYS_MUNMAP, m.addr, uintptr(m.size), 0)
	}
}
