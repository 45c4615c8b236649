package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// naming gives the files of a batch their names, one directory after the other, in the order of
// their names. Where the file system is synced as a whole, the directory above those is kept open:
// with a directory for each file, finding and making these is most of it.
type naming struct {
	b      *batch
	parent *os.File // nil while none is open
	path   string   // of parent
	made   bool     // the directory before in parent was not there yet
}

// name gives the files of one directory their names.
func (n *naming) name(dir string, files []batchFile) error {
	var err error
	// A Delete may remove the directory, empty, between its making and the rename.
	for range 10 {
		if files, err = n.try(dir, files); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := n.endParent(); err != nil {
			return err
		}
		if err := n.b.s.makeDirs(n.b.root, dir, !n.b.whole); err != nil {
			return err
		}
	}
	return err
}

// try returns those that have no name yet.
func (n *naming) try(dir string, files []batchFile) ([]batchFile, error) {
	if n.b.whole && dir != "." {
		fd, err := n.below(dir)
		if err == nil {
			defer unix.Close(fd)
			return n.b.give(fd, files)
		}
		if !errors.Is(err, syscall.ELOOP) && !errors.Is(err, syscall.ENOTDIR) {
			return files, err
		}
		// A symbolic link may lead elsewhere in the root, which knows how far.
	}
	to, err := n.b.root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return files, err
	}
	defer to.Close()
	if files, err = n.b.give(int(to.Fd()), files); err != nil || n.b.whole {
		return files, err
	}
	return nil, syncFile(to)
}

// below opens a directory by way of its parent, and makes it if it is not there.
func (n *naming) below(dir string) (int, error) {
	if up := path.Dir(dir); n.parent == nil || n.path != up {
		if err := n.endParent(); err != nil {
			return 0, err
		}
		f, err := n.b.root.OpenFile(up, os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if err != nil {
			return 0, err
		}
		n.parent, n.path, n.made = f, up, false
	}
	const access = toName | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	in, base := int(n.parent.Fd()), path.Base(dir)
	if !n.made {
		fd, err := unix.Openat(in, base, access, 0)
		if !errors.Is(err, unix.ENOENT) {
			return fd, err
		}
	}
	err := unix.Mkdirat(in, base, uint32(n.b.s.dirMode))
	if n.made = err == nil; err != nil && !errors.Is(err, unix.EEXIST) {
		return 0, err
	}
	return unix.Openat(in, base, access, 0)
}

// endParent lets go of the parent, in which everything has its name, with an error if it was moved:
// nobody looks where it is now.
func (n *naming) endParent() error {
	if n.parent == nil {
		return nil
	}
	defer n.leave()
	mine, err := n.parent.Stat()
	if err != nil {
		return err
	}
	if st, ok := mine.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		return nil // removed, with all that was in it
	}
	if there, err := n.b.root.Stat(n.path); err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("%s was replaced meanwhile", path.Join(n.b.s.dir, n.path))
	}
	return nil
}

func (n *naming) leave() {
	if n.parent != nil {
		n.parent.Close()
		n.parent = nil
	}
}

// give gives files their names in the directory to, and returns those that have none yet.
func (b *batch) give(to int, files []batchFile) ([]batchFile, error) {
	for ; len(files) > 0; files = files[1:] {
		f := &files[0]
		var err error
		if f.ifAbsent {
			err = unix.Linkat(b.fd, f.tmp, to, path.Base(f.key), 0)
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
		} else {
			err = unix.Renameat(b.fd, f.tmp, to, path.Base(f.key))
		}
		if err != nil {
			return files, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	return nil, nil
}
