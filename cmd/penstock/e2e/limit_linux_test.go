package e2e

import (
	"testing"

	"golang.org/x/sys/unix"
)

// limitFiles bounds the open files of a process that runs.
func limitFiles(t *testing.T, pid int, n uint64) {
	t.Helper()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
		t.Fatal(err)
	}
}
