package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// globs finds files by their paths.
type globs struct {
	include [][]string // each pattern's components after the root
	whole   []string
	exclude []string
}

func newGlobs(c *Config) *globs {
	g := &globs{}
	for _, p := range c.Paths {
		for _, p := range expandBraces(p) {
			p = filepath.Clean(p)
			g.whole = append(g.whole, p)
			g.include = append(g.include, strings.Split(strings.TrimPrefix(p, "/"), "/"))
		}
	}
	for _, p := range c.Exclude {
		g.exclude = append(g.exclude, filepath.Clean(p))
	}
	return g
}

// expandBraces replaces {a,b/c} by its alternatives, so that patterns can be split at slashes.
func expandBraces(p string) []string {
	open := -1
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '{':
			if open < 0 {
				open = i
			}
		}
		if open >= 0 {
			break
		}
	}
	if open < 0 {
		return []string{p}
	}
	depth, from := 0, open+1
	var alts []string
	for i := open; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '{':
			depth++
		case ',':
			if depth == 1 {
				alts = append(alts, p[from:i])
				from = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				alts = append(alts, p[from:i])
				var out []string
				for _, a := range alts {
					out = append(out, expandBraces(p[:open]+a+p[i+1:])...)
				}
				return out
			}
		}
	}
	return []string{p}
}

// match reports whether path is among those to read.
func (g *globs) match(path string) bool {
	return slices.ContainsFunc(
		g.whole, func(p string) bool { return doublestar.PathMatchUnvalidated(p, path) },
	) &&
		!g.excluded(path)
}

func (g *globs) excluded(path string) bool {
	return slices.ContainsFunc(
		g.exclude, func(p string) bool { return doublestar.PathMatchUnvalidated(p, path) },
	)
}

// found is what a walk found.
type found struct {
	paths map[string]bool // matching paths; true for symbolic links
	dirs  map[string]bool // directories whose change may change what matches
	errs  map[string]error
	cache map[string][]fs.DirEntry
}

// walk evaluates the globs.
func (g *globs) walk() *found {
	f := &found{
		paths: map[string]bool{},
		dirs:  map[string]bool{},
		errs:  map[string]error{},
		cache: map[string][]fs.DirEntry{},
	}
	for _, comps := range g.include {
		f.walk("/", comps)
	}
	if len(g.exclude) > 0 {
		for p := range f.paths {
			if g.excluded(p) {
				delete(f.paths, p)
			}
		}
	}
	return f
}

func (f *found) walk(dir string, comps []string) {
	name, rest := comps[0], comps[1:]
	if name == "**" {
		if len(rest) == 0 {
			rest = []string{"*"}
		}
		f.walk(dir, rest)
		for _, e := range f.list(dir) {
			if e.IsDir() { // links to directories are not followed here: they may form cycles
				f.walk(filepath.Join(dir, e.Name()), comps)
			}
		}
		return
	}
	if !strings.ContainsAny(name, `*?[\`) {
		path := filepath.Join(dir, name)
		if len(rest) > 0 {
			f.walk(path, rest)
			return
		}
		f.dirs[dir] = true
		if fi, err := os.Lstat(path); err == nil {
			f.paths[path] = fi.Mode()&fs.ModeSymlink != 0
		} else if !errors.Is(err, fs.ErrNotExist) {
			f.errs[path] = err
		}
		return
	}
	for _, e := range f.list(dir) {
		if !doublestar.MatchUnvalidated(name, e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		link := e.Type()&fs.ModeSymlink != 0
		switch {
		case len(rest) == 0:
			if e.Type().IsRegular() || link || e.Type()&fs.ModeNamedPipe != 0 {
				f.paths[path] = link
			}
		case e.IsDir() || link:
			f.walk(path, rest)
		}
	}
}

// list reads a directory. One that does not exist is empty; other errors are kept.
func (f *found) list(dir string) []fs.DirEntry {
	if entries, ok := f.cache[dir]; ok {
		return entries
	}
	d, err := os.Open(dir)
	var entries []fs.DirEntry
	if err == nil {
		entries, err = d.ReadDir(-1)
		_ = d.Close()
	}
	f.cache[dir] = entries
	f.dirs[dir] = true
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		f.errs[dir] = err
	}
	return entries
}
