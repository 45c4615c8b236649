package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/penstock/penstock/spool"
)

// reader is read after do was called.
type reader struct {
	io.ReaderAt
	do func()
}

func (r reader) ReadAt(p []byte, off int64) (int, error) {
	r.do()
	return r.ReaderAt.ReadAt(p, off)
}

// A working file that somebody removes takes the object with it: that is an error.
func TestWorkingFilesThatAreRemoved(t *testing.T) {
	t.Parallel()
	for _, ifAbsent := range []bool{false, true} {
		dir := t.TempDir()
		s, r := open(t, dir), reader{bytes.NewReader([]byte("v")), func() {
			if err := os.RemoveAll(filepath.Join(dir, workDir)); err != nil {
				t.Error(err)
			}
		}}
		err := s.Put(t.Context(), "a/k", r, 1, spool.PutOptions{IfAbsent: ifAbsent})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("if absent %v: %v", ifAbsent, err)
		}
		b, err := s.Batch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Discard()
		opts := spool.PutOptions{IfAbsent: ifAbsent}
		if err := b.Put(t.Context(), "a/k", bytes.NewReader([]byte("v")), 1, opts); err != nil {
			t.Fatal(err)
		}
		r.do()
		if err := b.Commit(t.Context()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("batch, if absent %v: %v", ifAbsent, err)
		}
	}
}

// Each process removes what others left when it starts. What others have begun only just it leaves
// alone, or they notice.
func TestStoresThatStartTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var agents sync.WaitGroup
	for a := range 4 {
		agents.Go(func() {
			for i := range 25 {
				s := open(t, dir)
				var puts sync.WaitGroup
				for k := range 4 {
					puts.Go(func() {
						key := fmt.Sprintf("%d/%d-%d", k, a, i)
						if err := put(s, key, key); err != nil {
							t.Error(err)
						}
						got, err := os.ReadFile(filepath.Join(dir, key))
						if err != nil || string(got) != key {
							t.Errorf("%s holds %q: %v", key, got, err)
						}
					})
				}
				puts.Wait()
			}
		})
	}
	agents.Wait()
}
