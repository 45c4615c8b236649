package preflight

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Directory reports whether files can be made in a directory, or where it will be made.
func Directory(dir string, r *Report) {
	dir = filepath.Clean(dir)
	there := existing(dir)
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

// Free returns how many bytes are free where a directory is, or will be made.
func Free(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(filepath.Clean(dir)), &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

// existing returns dir, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
