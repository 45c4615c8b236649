package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tree is what goes into an archive: everything dated alike, owned by root unless told otherwise,
// in the order of names, so that the same content makes the same bytes.
type tree struct {
	made    time.Time
	entries map[string]entry
	err     error // the first
}

type entry struct {
	mode  int64
	owner int
	data  []byte // of a file; a directory's name ends with a slash
}

func newTree(made time.Time) *tree { return &tree{made: made, entries: map[string]entry{}} }

func (t *tree) file(name, from string, mode int64) {
	data, err := os.ReadFile(from)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.bytes(name, data, mode)
}

func (t *tree) bytes(name string, data []byte, mode int64) {
	t.parents(name)
	t.entries[name] = entry{mode: mode, data: data}
}

func (t *tree) dir(name string, mode int64, owner int) {
	t.parents(name)
	t.entries[name+"/"] = entry{mode: mode, owner: owner}
}

// parents are directories that nobody asked for by name.
func (t *tree) parents(name string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := t.entries[dir+"/"]; !ok {
			t.entries[dir+"/"] = entry{mode: 0o755}
		}
	}
}

func (t *tree) folder(name, from string) {
	err := filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(from, at)
		t.file(path.Join(name, filepath.ToSlash(below)), at, 0o644)
		return err
	})
	if err != nil && t.err == nil {
		t.err = err
	}
}

// tar writes the tree.
func (t *tree) tar(to io.Writer) error {
	if t.err != nil {
		return t.err
	}
	names := make([]string, 0, len(t.entries))
	for name := range t.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	w := tar.NewWriter(to)
	for _, name := range names {
		e := t.entries[name]
		h := &tar.Header{
			Name: name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.data)),
			ModTime: t.made, Typeflag: tar.TypeReg, Format: tar.FormatPAX,
		}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return w.Close()
}

// write writes the tree to a file.
func (t *tree) write(to string, compressed bool) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	if !compressed {
		if err := t.tar(f); err != nil {
			return err
		}
		return f.Close()
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := t.tar(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}
