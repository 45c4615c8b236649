package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Descriptors run out at each place in the making of a segment: never more than an error, and
// nothing is left of it.
func TestOpenHeadWithFewDescriptors(t *testing.T) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	})
	root := t.TempDir()
	if openIn(t, root) != nil {
		t.Fatal("something is open there")
	}
	highest := func() (n int) {
		f, err := os.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return int(f.Fd())
	}()
	failed := 0
	for spare := 0; ; spare++ {
		dir := filepath.Join(root, fmt.Sprint(spare))
		if err := syscall.Setrlimit(
			syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(highest + spare), Max: was.Max},
		); err != nil {
			t.Fatal(err)
		}
		h, err := openHead(
			disk{}, dir, 1<<20, 1<<20, &badgerLog{log: slog.New(slog.DiscardHandler)},
		)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			if err := h.discard(); err != nil {
				t.Error(err)
			}
			break
		}
		failed++
		if !errors.Is(err, syscall.EMFILE) &&
			!strings.Contains(err.Error(), "too many open files") {
			t.Errorf("with %d spare: %v", spare, err)
		}
		if spare > 40 {
			t.Fatalf("no number of descriptors is enough: %v", err)
		}
	}
	if failed < openDescriptors {
		t.Errorf("it failed %d times only", failed)
	}
	if left := openIn(t, root); left != nil {
		t.Errorf("left open: %q", slices.Compact(left))
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
