package tail

import "golang.org/x/sys/unix"

func statPath(path string) (fileInfo, error) {
	return statx(unix.AT_FDCWD, path, 0)
}

func statFD(fd int) (fileInfo, error) {
	return statx(fd, "", unix.AT_EMPTY_PATH)
}

func statx(dir int, path string, flags int) (fileInfo, error) {
	var st unix.Statx_t
	for {
		err := unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fileInfo{}, err
		}
		break
	}
	fi := fileInfo{
		id:    ident{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino},
		size:  int64(st.Size),
		mtime: st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec),
		ctime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec),
		mode:  uint32(st.Mode),
		links: st.Nlink,
		holes: st.Blocks*512 < st.Size,
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		fi.birth = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return fi, nil
}

// seekData returns where there is data at or after off, or the end, and whether off lies in a hole.
func seekData(fd int, off int64) (int64, bool) {
	at, err := unix.Seek(fd, off, unix.SEEK_DATA)
	if err == unix.ENXIO {
		if fi, serr := statFD(fd); serr == nil && fi.size > off {
			return fi.size, true
		}
	}
	if err != nil || at <= off {
		return off, false
	}
	return at, true
}

// seekHole returns where there is a hole at or after off; the end is one.
func seekHole(fd int, off int64) int64 {
	if at, err := unix.Seek(fd, off, unix.SEEK_HOLE); err == nil {
		return at
	}
	return off
}

// inPipe returns how many bytes wait in a pipe.
func inPipe(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) }
