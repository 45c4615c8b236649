package preflight

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Directory reports whether files can be made in a directory, or where it will be made.
func Directory(dir string, r *Report) {
	dir = filepath.Clean(dir)
	there := dir
	for {
		if _, err := os.Stat(there); err == nil || there == filepath.Dir(there) {
			break
		}
		there = filepath.Dir(there)
	}
	info, err := os.Stat(there)
	if err == nil && !info.IsDir() {
		r.Fail(dir, "name another directory", "%s is not a directory", there)
		return
	}
	var fs unix.Statfs_t
	if err := unix.Access(there, unix.W_OK|unix.X_OK); err != nil {
		r.Fail(
			dir, "let the agent's user write there, or name another directory",
			"%s may not be written to: %v", there, err,
		)
	} else if err := unix.Statfs(there, &fs); err == nil && fs.Blocks > 0 && fs.Bavail == 0 {
		r.Fail(dir, "make room", "the file system of %s is full", there)
	} else if err == nil && fs.Blocks == 0 {
		r.Warn(
			dir, "name a directory on a disk", "the file system of %s tells no size: is it one for files?",
			there,
		)
	} else if there != dir {
		r.OK(dir, "may be made in %s", there)
	} else {
		r.OK(dir, "may be written to")
	}
}
