package local

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/penstock/penstock/spool"
)

// Try tells whether files could be made, and makes none.
func TestTry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	try := func(name string) error {
		cfg := DefaultStore()
		cfg.Directory = filepath.Join(dir, name)
		s, err := NewStore(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s.Try(t.Context(), "app/probe")
	}
	if err := try("not/mounted/yet"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("made %v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try("file"); !errors.Is(err, syscall.ENOTDIR) || !errors.Is(err, spool.ErrRefused) {
		t.Error(err)
	}
	if os.Getuid() == 0 {
		t.Skip("who may do everything")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := try("archive"); !errors.Is(err, spool.ErrRefused) {
		t.Error(err)
	}
}
