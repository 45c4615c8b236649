package tail

import (
	"errors"
	"io/fs"
	"slices"
)

// comparison is one look at paths, compared with the table: what has left them, and what is there
// that the table does not know.
type comparison struct {
	*manager
	whole bool // it is at everything

	vacated  []string // paths beside which there may be more of the same family
	departed []*file  // what has left a path
	found    []observation
}

// compareAll compares what is at the paths with the table.
func (m *manager) compareAll(paths []string) {
	m.looks.began = m.sys.now()
	m.looks.count++
	if m.looks.replaced == nil { // or this look is part of another one
		m.looks.replaced = map[string]*file{}
		defer func() { m.looks.replaced = nil }()
	}
	c := comparison{manager: m, whole: m.looks.whole}
	m.looks.whole = false
	for visited := 0; ; visited++ {
		if visited == len(paths) {
			// Rotation has been here, more than once perhaps: what lies between what was known and
			// what is there now is found before anything is begun.
			paths = append(paths, m.siblings(c.vacated, paths)...)
			if c.vacated = nil; visited == len(paths) {
				break
			}
		}
		c.visit(paths[visited])
	}
	for _, f := range c.departed {
		if f.m.rotation.left.IsZero() && !f.m.ended {
			m.depart(f)
		} else if f.m.ended && len(f.m.names) == 0 {
			m.end(f) // a compressed file that had been read
		}
	}
	m.sortByAge(c.found)
	for i := range c.found {
		c.found[i].at = foundAt{m.looks.count, i}
	}
	m.take(c.found)
	m.storeUnstored()
}

// visit compares what is at path.
func (c *comparison) visit(path string) {
	cur := c.table.byPath[path]
	fi, err := c.sys.stat(path)
	if err != nil {
		gone := errors.Is(err, fs.ErrNotExist) || isNotDir(err)
		if gone {
			c.unreadable.forget(path)
		} else {
			c.unreadable.failed(path, err)
		}
		if cur != nil && gone {
			c.vacate(cur, path)
		}
		return
	}
	if cur != nil && fi.is(cur.id, cur.birth) {
		c.seen(cur, &fi)
		return
	}
	if cur != nil {
		c.vacate(cur, path)
	}
	f := c.table.byID[fi.id]
	if f != nil && !c.same(f, path, &fi) { // another file with the inode of one that is gone
		c.inodeReused(f)
		f = nil
	}
	if f != nil {
		c.arrive(f, path)
		c.seen(f, &fi)
		return
	}
	c.found = append(c.found, observation{path: path, fi: fi})
	if fi.size > 0 && fi.regular() && !c.whole {
		c.vacated = append(c.vacated, path) // older generations may have come with it
	}
}

// vacate notes that f is not at path any more.
func (c *comparison) vacate(f *file, path string) {
	c.looks.replaced[path] = f
	c.drop(f, path)
	c.departed, c.vacated = append(c.departed, f), append(c.vacated, path)
}

// inodeReused takes f, which is gone, out of the table: another file has its inode.
func (c *comparison) inodeReused(f *file) {
	for _, name := range slices.Clone(f.m.names) {
		c.looks.replaced[name] = f
		c.drop(f, name)
		c.vacated = append(c.vacated, name)
	}
	delete(c.table.byID, f.id)
	if f.compression != none && !f.isOpen.Load() {
		f.m.names = nil
		c.end(f) // there is nothing left to read
		return
	}
	c.departed = append(c.departed, f)
}

// take says of what a look has found, the oldest first, what it is: content that is known, or new.
func (m *manager) take(found []observation) {
	if m.looks.starting {
		m.expectNames(found)
	}
	var unknown, overwritten []observation
	for _, s := range found {
		if f := m.table.byID[s.fi.id]; f != nil { // a second name, seen in the same look
			m.arrive(f, s.path)
			continue
		}
		switch claimed, over := m.claim(s); {
		case claimed:
		case over:
			overwritten = append(overwritten, s)
		default:
			unknown = append(unknown, s)
		}
	}
	if m.looks.starting {
		m.locateKnown()
	}
	// A copy that was made before a truncation is read before what was written after it.
	compressed := len(m.gz.compare)
	for _, s := range append(unknown, overwritten...) {
		if f := m.table.byID[s.fi.id]; f != nil {
			m.arrive(f, s.path)
			continue
		}
		m.discover(s)
	}
	// what they were made of may have been found after them
	for _, c := range m.gz.compare[min(compressed, len(m.gz.compare)):] {
		if plain := m.besideOf(c.where()); plain != nil && c.m.gz.beside == nil &&
			!m.looks.starting {
			c.m.gz.beside, c.m.gz.formOf, c.m.gz.known = plain, plain, true
		}
	}
}
