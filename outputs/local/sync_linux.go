package local

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wholes are the file systems that syncfs is known to write out whole, reporting what failed: local
// ones.
var wholes = map[int64]bool{
	unix.EXT4_SUPER_MAGIC:  true,
	unix.XFS_SUPER_MAGIC:   true,
	unix.BTRFS_SUPER_MAGIC: true,
	unix.F2FS_SUPER_MAGIC:  true,
	unix.TMPFS_MAGIC:       true,
}

// syncsWhole reports whether syncWhole makes everything on fd's file system durable. Before Linux
// 5.8 syncfs did not report failed writes.
func syncsWhole(fd int) bool {
	var fs unix.Statfs_t
	var name unix.Utsname
	if unix.Fstatfs(fd, &fs) != nil || !wholes[int64(fs.Type)] || unix.Uname(&name) != nil {
		return false
	}
	release := strings.FieldsFunc(
		unix.ByteSliceToString(name.Release[:]), func(r rune) bool { return r < '0' || r > '9' },
	)
	if len(release) < 2 {
		return false
	}
	major, _ := strconv.Atoi(release[0])
	minor, _ := strconv.Atoi(release[1])
	return major > 5 || major == 5 && minor >= 8
}

// toName opens a directory in which files are given names, and for nothing else.
const toName = unix.O_PATH

func syncWhole(fd int) error { return unix.Syncfs(fd) }
