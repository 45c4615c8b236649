package local

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	cfg := DefaultStore()
	cfg.Directory = dir
	s, err := NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(s *Store, key, text string) error {
	return s.Put(
		context.Background(), key, strings.NewReader(text), int64(len(text)), spool.PutOptions{},
	)
}

func hasAttributes(t *testing.T) bool {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return setMetadata(f, map[string]string{"k": "v"}) == nil && metadata(f) != nil
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		New: func(t *testing.T, _ string, _ time.Duration) spool.Store {
			return open(t, filepath.Join(t.TempDir(), "made/by/the store"))
		},
		Large:      1 << 20,
		NoMetadata: !hasAttributes(t),
	})
}

// A file system that cannot be synced as a whole gets each file and directory synced.
func TestBatchSyncedOneByOne(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "lake"))
	got, err := s.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := got.(*batch)
	b.whole = false
	keys := []string{"a/b/c/1", "a/b/c/2", "a/d/1", "top"}
	for _, key := range keys {
		if err := b.Put(
			t.Context(), key, strings.NewReader(key), int64(len(key)), spool.PutOptions{},
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Discard()
	for _, key := range keys {
		if got, err := os.ReadFile(filepath.Join(s.dir, key)); err != nil || string(got) != key {
			t.Errorf("%s holds %q, %v", key, got, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, workDir)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A directory that is a link to another in the store is followed; files of a batch are below both.
func TestBatchBelowLinks(t *testing.T) {
	s := open(t, t.TempDir())
	if err := put(s, "real/a/old", "1"); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "real", "real/b": "a"} {
		if err := os.Symlink(target, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := s.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Discard()
	for _, key := range []string{"link/a/1", "link/new/2", "real/b/3", "real/c/d/4"} {
		if err := b.Put(t.Context(), key, strings.NewReader(key), int64(len(key)), spool.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"real/a/1": "link/a/1", "real/new/2": "link/new/2", "real/a/3": "real/b/3",
		"real/c/d/4": "real/c/d/4", "real/a/old": "1",
	} {
		if got, err := os.ReadFile(filepath.Join(s.dir, at)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", at, got, err, want)
		}
	}
}

// Directories that others move, remove and make while files get their names in them.
func TestDirectoriesThatChangeDuringACommit(t *testing.T) {
	name := func(t *testing.T, change func(dir string)) (*Store, error) {
		s := open(t, t.TempDir())
		got, err := s.Batch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b := got.(*batch)
		defer b.Discard()
		if !b.whole {
			t.Skip("each directory is opened for itself here")
		}
		for _, key := range []string{"t/a/1", "t/b/2", "t/c/3"} {
			if err := b.Put(t.Context(), key, strings.NewReader(key), 5, spool.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		n := naming{b: b}
		defer n.leave()
		if err := n.name("t/a", b.files[:1]); err != nil {
			t.Fatal(err)
		}
		// made ahead, which is not always so
		for _, dir := range []string{"b", "c"} {
			if err := os.Remove(filepath.Join(s.dir, "t", dir)); err != nil {
				t.Fatal(err)
			}
		}
		change(filepath.Join(s.dir, "t"))
		return s, errors.Join(n.name("t/b", b.files[1:2]), n.name("t/c", b.files[2:]), n.endParent())
	}
	has := func(t *testing.T, s *Store, keys ...string) {
		t.Helper()
		for _, key := range keys {
			if got, err := os.ReadFile(filepath.Join(s.dir, key)); err != nil || string(got) != key {
				t.Errorf("%s holds %q, %v", key, got, err)
			}
		}
	}
	t.Run("moved", func(t *testing.T) {
		if _, err := name(t, func(dir string) {
			if err := os.Rename(dir, dir+".old"); err != nil {
				t.Fatal(err)
			}
		}); err == nil {
			t.Error("stored where nobody looks")
		}
	})
	t.Run("moved, and another in its place", func(t *testing.T) {
		if _, err := name(t, func(dir string) {
			if err := errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
		}); err == nil {
			t.Error("stored where nobody looks")
		}
	})
	t.Run("removed", func(t *testing.T) {
		s, err := name(t, func(dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil {
			t.Error(err)
		}
		has(t, s, "t/b/2", "t/c/3")
	})
	t.Run("removed and made again", func(t *testing.T) {
		s, err := name(t, func(dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil {
			t.Error(err)
		}
		has(t, s, "t/b/2", "t/c/3")
	})
	t.Run("a directory was made", func(t *testing.T) {
		s, err := name(t, func(dir string) {
			if err := os.Mkdir(filepath.Join(dir, "b"), 0o755); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil {
			t.Error(err)
		}
		has(t, s, "t/a/1", "t/b/2", "t/c/3")
	})
}

// A batch that was begun before its directory was replaced must not be said to be stored.
func TestBatchOfAReplacedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	s := open(t, dir)
	b, err := s.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Discard()
	if err := b.Put(t.Context(), "k", strings.NewReader("1"), 1, spool.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err == nil {
		t.Fatal("committed into a directory that is no more")
	}
}

func TestLinksDoNotLeadOut(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := put(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"out": outside, "file": secret, "up": "../.."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"out/new", "out/deep/new", "up/new"} {
		if err := put(s, key, "x"); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("put %s: %v, want ErrRefused", key, err)
		}
		b, err := s.Batch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Put(
			t.Context(), key, strings.NewReader("x"), 1, spool.PutOptions{},
		); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(t.Context()); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("commit of %s: %v, want ErrRefused", key, err)
		}
		b.Discard()
	}
	for _, key := range []string{"out/secret", "file"} {
		if _, _, err := s.Get(t.Context(), key); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("get %s: %v, want ErrRefused", key, err)
		}
	}
	if err := s.Delete(t.Context(), "out/secret"); !errors.Is(err, spool.ErrRefused) {
		t.Errorf("delete: %v, want ErrRefused", err)
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Fatalf("outside file: %q, %v", got, err)
	}
	// Put replaces the link itself, never what it points to.
	if err := put(s, "file", "mine"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(secret); string(got) != "secret" {
		t.Fatalf("outside file overwritten: %q", got)
	}
	var keys []string
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	if !slices.Equal(keys, []string{"a", "file"}) {
		t.Fatalf("listed %q", keys)
	}
}

func TestOwnDirectoryIsHiddenAndClosed(t *testing.T) {
	s := open(t, t.TempDir())
	for _, key := range []string{".penstock/tmp/x", ".penstock"} {
		if err := put(s, key, "x"); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("put %s: %v, want ErrRefused", key, err)
		}
	}
	if err := put(s, "sub/.penstock/x", "x"); err != nil {
		t.Error(err)
	}
	for o := range s.List(t.Context(), ".penstock") {
		t.Errorf("listed %q", o.Key)
	}
}

// What a killed process left is removed by the next one; what a living one writes is not.
func TestLeftoversAreRemovedOnStart(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, workDir)
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dead", "alive"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := os.Open(filepath.Join(work, "alive"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := syscall.Flock(int(alive.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(work, "dead batch"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(
		filepath.Join(work, "dead batch", "0"), []byte("half"), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	first := open(t, t.TempDir())
	first.dir = dir
	living, err := first.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer living.Discard()
	if err := living.Put(
		t.Context(), "b/k", strings.NewReader("v"), 1, spool.PutOptions{},
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dead", "alive"} { // the start of the store above took the first
		if err := os.WriteFile(filepath.Join(work, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(open(t, dir), "k", "v"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(work)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 ||
		!slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "alive" }) {
		t.Fatalf("left: %v, want the locked ones alone", entries)
	}
	if err := living.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "b/k")); err != nil || string(got) != "v" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestFailedPutLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Put(
		t.Context(), "k", bytes.NewReader([]byte("short")), 100, spool.PutOptions{},
	); err == nil {
		t.Fatal("no error")
	}
	entries, err := os.ReadDir(filepath.Join(dir, workDir))
	if err != nil || len(entries) != 0 {
		t.Fatalf("left: %v, %v", entries, err)
	}
}

func TestObjectInThePlaceOfADirectory(t *testing.T) {
	s := open(t, t.TempDir())
	if err := put(s, "a/b", "1"); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "a", "1"); !errors.Is(err, spool.ErrRefused) {
		t.Errorf("put over a directory: %v, want ErrRefused", err)
	}
	if err := put(s, "a/b/c", "1"); !errors.Is(err, spool.ErrRefused) {
		t.Errorf("put below a file: %v, want ErrRefused", err)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Errorf("delete of a directory's name: %v, want nil: there is no such object", err)
	}
	if _, _, err := s.Get(t.Context(), "a"); !errors.Is(err, spool.ErrNotFound) {
		t.Errorf("get of a directory: %v, want ErrNotFound", err)
	}
	if _, _, err := s.Get(t.Context(), "a/b/c"); !errors.Is(err, spool.ErrNotFound) {
		t.Errorf("get below a file: %v, want ErrNotFound", err)
	}
}

func TestDeleteRemovesEmptyDirectories(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, key := range []string{"a/b/c/1", "a/2"} {
		if err := put(s, key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "a/b/c/1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a/b")); !os.IsNotExist(err) {
		t.Errorf("a/b: %v, want it gone", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a/2")); err != nil {
		t.Error(err)
	}
}

// A directory that was removed, or mounted over, while the store runs is taken up anew.
func TestDirectoryReplacedWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	s := open(t, dir)
	if err := put(s, "k", "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "k", "2"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "k")); err != nil || string(got) != "2" {
		t.Fatalf("%q, %v", got, err)
	}
}

// Who only looks needs no permission to write, and leaves nothing behind.
func TestReadingChangesNothing(t *testing.T) {
	read := func(s *Store) (keys []string) {
		t.Helper()
		for o, err := range s.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, o.Key)
			r, _, err := s.Get(t.Context(), o.Key)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
		}
		if _, _, err := s.Get(t.Context(), "none"); !errors.Is(err, spool.ErrNotFound) {
			t.Errorf("read what is not there: %v", err)
		}
		if err := s.Delete(t.Context(), "none"); err != nil {
			t.Error(err)
		}
		return keys
	}
	dir := filepath.Join(t.TempDir(), "d")
	s := open(t, dir)
	if keys := read(s); len(keys) > 0 {
		t.Errorf("%q", keys)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the directory was made: %v", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "k"), []byte("v"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys := read(s); !slices.Equal(keys, []string{"k"}) {
		t.Errorf("%q", keys)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestValidate(t *testing.T) {
	cfg := StoreConfig{Directory: "/", FileMode: "rw", DirMode: "0444"}
	err := cfg.Validate()
	for _, attribute := range []string{"directory: ", "file_mode: ", "dir_mode: "} {
		if err == nil || !strings.Contains(err.Error(), attribute) {
			t.Errorf("no complaint about %s%v", attribute, err)
		}
	}
}
