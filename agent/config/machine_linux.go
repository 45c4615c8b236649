package config

import "golang.org/x/sys/unix"

// holdsFiles reports whether files can be made in a directory: the kernel's own file systems have
// none.
func holdsFiles(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return true
	}
	switch int64(st.Type) {
	case unix.PROC_SUPER_MAGIC,
		unix.SYSFS_MAGIC,
		unix.CGROUP_SUPER_MAGIC,
		unix.CGROUP2_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC:
		return false
	}
	return true
}
