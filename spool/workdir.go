package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// workDir is the directory of the working files of all cuts. It holds nothing that outlives the
// process. Safe for concurrent use, once it is cleared.
type workDir struct {
	path   string
	serial atomic.Int64
}

// clear makes it empty: what an earlier process left goes.
func (d *workDir) clear() error {
	return errors.Join(os.RemoveAll(d.path), os.MkdirAll(d.path, 0o700))
}

// newStore returns a working file of that kind which nobody else has.
func (d *workDir) newStore(kind string) *store {
	return &store{path: filepath.Join(d.path, fmt.Sprintf("%d.%s", d.serial.Add(1), kind))}
}

func (d *workDir) remove() error { return os.RemoveAll(d.path) }
