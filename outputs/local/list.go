package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/penstock/penstock/spool"
)

// List walks the directory. It holds the names of one directory per level in memory.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		root, err := s.open()
		if errors.Is(err, fs.ErrNotExist) {
			return // nothing was ever put
		}
		if err != nil {
			yield(spool.Object{}, s.fail("list", prefix, err))
			return
		}
		dir, base := "", prefix
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			dir, base = prefix[:i+1], prefix[i+1:]
		}
		if dir != "" && check(dir[:len(dir)-1]) != nil {
			return // no key looks like that
		}
		w := walker{ctx: ctx, root: root, yield: yield}
		if _, err := w.walk(dir, base); err != nil {
			yield(spool.Object{}, s.fail("list", prefix, err))
		}
	}
}

type walker struct {
	ctx   context.Context
	root  *os.Root
	yield func(spool.Object, error) bool
}

// walk yields what lies in dir ("" or ending with a slash) with names beginning with base; more
// reports whether to go on.
func (w *walker) walk(dir, base string) (more bool, err error) {
	names, err := w.names(dir, base)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return false, err
		}
		if strings.HasSuffix(name, "/") {
			if more, err = w.walk(dir+name, ""); err != nil || !more {
				return more, err
			}
			continue
		}
		fi, err := w.root.Lstat(dir + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return false, err
		}
		if !w.yield(spool.Object{Key: dir + name, Size: fi.Size(), Modified: fi.ModTime()}, nil) {
			return false, nil
		}
	}
	return true, nil
}

// names returns the files and, with a slash at the end, the directories. Sorted with that slash
// they give the byte order of whole keys: "a-b" before "a/b" before "a0".
func (w *walker) names(dir, base string) ([]string, error) {
	at := "."
	if dir != "" {
		at = dir[:len(dir)-1]
	}
	f, err := w.root.Open(at)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.IsDir() {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := e.Name()
		switch {
		case !strings.HasPrefix(name, base) || dir == "" && name == workRoot:
		case e.IsDir():
			names = append(names, name+"/")
		case e.Type().IsRegular() && spool.CheckKey(name) == nil:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
