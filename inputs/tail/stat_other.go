//go:build unix && !linux

package tail

import (
	"math"

	"golang.org/x/sys/unix"
)

func statPath(path string) (fileInfo, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileInfo{}, err
	}
	return fromStat(&st), nil
}

func statFD(fd int) (fileInfo, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fileInfo{}, err
	}
	return fromStat(&st), nil
}

func fromStat(st *unix.Stat_t) fileInfo {
	return fileInfo{
		id:    ident{dev: uint64(st.Dev), ino: uint64(st.Ino)},
		size:  st.Size,
		mtime: st.Mtim.Nano(),
		mode:  uint32(st.Mode),
		links: uint32(st.Nlink),
	}
}

// seekData is not to be had: only what truncation has left at the beginning is passed.
func seekData(_ int, off int64) (int64, bool) { return off, false }

func seekHole(_ int, off int64) int64 { return off }

// inPipe returns how many bytes wait in a pipe. It is not known here: no more than there are.
func inPipe(int) (int, error) { return math.MaxInt, nil }
