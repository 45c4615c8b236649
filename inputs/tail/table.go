package tail

// fileTable is the files that the manager knows, by what they are and by where they are.
type fileTable struct {
	byID   map[ident]*file
	byPath map[string]*file  // matching paths
	tooOld map[string]bool   // matching paths of files that ignore_older leaves alone; nil for none
	alias  map[string]string // what a matching symbolic link leads to, and the link
}

func newFileTable() fileTable {
	return fileTable{
		byID: map[ident]*file{}, byPath: map[string]*file{}, alias: map[string]string{},
	}
}

// at returns the file at a path, which may be that behind a symbolic link, and the matching path.
func (t *fileTable) at(path string) (*file, string) {
	if link, ok := t.alias[path]; ok {
		path = link
	}
	return t.byPath[path], path
}

// known reports whether the file seen is in the table. What had its inode before is gone: only its
// names are left, until somebody looks there.
func (t *fileTable) known(fi *fileInfo) bool {
	f := t.byID[fi.id]
	if f != nil && !fi.is(f.id, f.birth) {
		delete(t.byID, f.id)
		return false
	}
	return f != nil
}

// remove forgets f. Another file may have its identity by now.
func (t *fileTable) remove(f *file) {
	for _, name := range f.m.names {
		delete(t.byPath, name)
	}
	if t.byID[f.id] == f {
		delete(t.byID, f.id)
	}
}
