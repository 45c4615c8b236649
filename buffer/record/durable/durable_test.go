package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, c := range []struct {
		written error
		want    string
	}{{nil, "new"}, {broken, "old"}} {
		dir := t.TempDir()
		name := filepath.Join(dir, "name")
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(name + ".tmp")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("new"); err != nil {
			t.Fatal(err)
		}
		if err := Replace(name, f, c.written); !errors.Is(err, c.written) {
			t.Errorf("%v, want %v", err, c.written)
		}
		if got, err := os.ReadFile(name); string(got) != c.want {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
		if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", f.Name(), err)
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("not closed: %v", err)
		}
	}
}

func TestSyncDir(t *testing.T) {
	t.Parallel()
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
