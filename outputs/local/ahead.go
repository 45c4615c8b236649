package local

import (
	"errors"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// ahead makes the directories of a batch while its files are written, each beside its file: where
// every file has one of its own, that is more than half of what their names take of a single
// goroutine later. A directory that it does not make is made then. Safe for concurrent use.
type ahead struct {
	b     *batch
	there atomic.Int32 // directories that were there already

	mu      sync.Mutex
	last    string
	parents map[string]*os.File // nil for one that cannot be opened
}

const (
	mostParents = 16
	// mostThere is how many directories that are there let think that the others are, too.
	mostThere = 64
)

func (a *ahead) make(dir string) {
	if a.there.Load() >= mostThere {
		return
	}
	if parent := a.parent(dir); parent != nil {
		err := unix.Mkdirat(int(parent.Fd()), path.Base(dir), uint32(a.b.s.dirMode))
		if errors.Is(err, unix.EEXIST) {
			a.there.Add(1)
		}
	}
}

// parent returns what is above dir; nil if there is nothing to make.
func (a *ahead) parent(dir string) *os.File {
	a.mu.Lock()
	defer a.mu.Unlock()
	if dir == a.last || dir == "." {
		return nil
	}
	a.last = dir
	up := path.Dir(dir)
	f, known := a.parents[up]
	if known || len(a.parents) == mostParents {
		return f
	}
	if a.b.s.makeDirs(a.b.root, up, false) == nil {
		f, _ = a.b.root.OpenFile(up, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	}
	if a.parents == nil {
		a.parents = map[string]*os.File{}
	}
	a.parents[up] = f
	return f
}

// close lets go of the parents. Nobody makes anything any more.
func (a *ahead) close() {
	for _, f := range a.parents {
		f.Close()
	}
	a.parents = nil
}
