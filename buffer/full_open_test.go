package buffer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A quota that is used up, as on a file system that copies what it changes, refuses that something
// is renamed, too. A head that was never written does not keep the buffer from opening then: the
// reserve is given up for it, or it stays until there is room.
func TestOpenWhereNothingCanBeRenamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails func(reserved bool) bool
		stays bool
	}{
		"with a reserve": {fails: func(reserved bool) bool { return reserved }},
		"at all":         {fails: func(bool) bool { return true }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, Options{})
			cursor(t, b, "x").Close()
			appendWait(t, b, batchOf(0, 10, 10))
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			unused := filepath.Join(dir, headDirName(99))
			isThere := func(path string) bool { _, err := os.Stat(path); return err == nil }
			if err := os.Mkdir(unused, 0o750); err != nil {
				t.Fatal(err)
			}
			if !isThere(filepath.Join(dir, reserveName)) {
				t.Fatal("there is no reserve")
			}
			opt := Options{}
			opt.disk.fault = func(s step, path string) error {
				if s == stepRename && filepath.Base(path) == filepath.Base(unused) &&
					c.fails(isThere(filepath.Join(dir, reserveName))) {
					return syscall.EDQUOT
				}
				return nil
			}
			b, err := Open(dir, opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := isThere(unused); got != c.stays {
				t.Errorf("it is there still: %v, want %v", got, c.stays)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, Options{})
			if isThere(unused) {
				t.Error("it is there once there is room")
			}
			wantRun(t, readTo(t, cursor(t, b, "x"), 10), 0, 10)
		})
	}
}
