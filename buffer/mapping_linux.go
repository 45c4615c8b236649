package buffer

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is the memory map of a file that Badger has made and does not tell of. The zero value is
// one that is not known.
type mapping struct {
	// the kernel's name of the map: it exists while this very range is mapped, and leads to the
	// file
	link string
	path string
	addr uintptr
	size int64
}

// findMapping returns this process's map of the beginning of f, if it has exactly one and /proc
// tells of it.
func findMapping(f *os.File) mapping {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return mapping{}
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return mapping{}
	}
	defer maps.Close()
	var found mapping
	sc := bufio.NewScanner(maps)
	for sc.Scan() {
		if !strings.HasSuffix(sc.Text(), " "+path) {
			continue
		}
		var from, to, off uint64
		var mode string
		if _, err := fmt.Sscanf(
			sc.Text(), "%x-%x %s %x", &from, &to, &mode, &off,
		); err != nil || mode != "rw-s" || off != 0 ||
			found.path != "" {
			return mapping{}
		}
		found = mapping{
			link: fmt.Sprintf("/proc/self/map_files/%x-%x", from, to),
			path: path,
			addr: uintptr(from),
			size: int64(to - from),
		}
	}
	if sc.Err() != nil {
		return mapping{}
	}
	return found
}

// missing tells that syncs cost more than they need to.
func (m mapping) missing() bool { return m.path == "" }

// drop takes the pages of [from, to) of the file out of the map; they stay in the page cache,
// changes and all, and the map has them again when they are touched. A sync must take each page
// that a map has changed from all processors before it writes it, one interrupt to the others for
// each page. Here it is one for all, and the sync takes a fraction of the time and the processor.
//
// The caller sees to it that nobody unmaps the file meanwhile. Should the map have moved before,
// nothing is done.
func (m mapping) drop(from, to int64) {
	page := int64(os.Getpagesize())
	from, to = from&^(page-1), min((to+page-1)&^(page-1), m.size)
	if m.path == "" || from >= to {
		return
	}
	if path, err := os.Readlink(m.link); err != nil || path != m.path {
		return
	}
	// Only a private map would lose what was written.
	_, _, _ = unix.Syscall(
		unix.SYS_MADVISE, m.addr+uintptr(from), uintptr(to-from), unix.MADV_DONTNEED,
	)
}
