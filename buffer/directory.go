package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/dataformat"
)

// directory is what is done to a buffer's directory: segments are made, removed and moved aside in
// it, and a reserve of disk is held. It has no state that needs a lock; one goroutine at a time has
// to do with a path.
type directory struct {
	path string
	lock *os.File // held while the buffer is open
	disk disk
	log  *slog.Logger

	segmentSize, minFree int64

	badger   badgerLog
	unmapped sync.Once // told that Badger writes through its maps
}

func newDirectory(path string, opt *Options) *directory {
	return &directory{
		path: path, disk: opt.disk, log: opt.Log,
		segmentSize: opt.SegmentSize, minFree: opt.MinFree,
		badger: badgerLog{log: opt.Log, dir: path},
	}
}

// take makes the directory this process's own.
func (d *directory) take() (err error) {
	d.lock, err = lockDir(d.path)
	return err
}

func (d *directory) release() error { return d.lock.Close() }

// reserveName is a file that only holds disk: given up to begin a segment when the buffer is opened
// on a full disk, so that outputs can deliver what fills it.
const (
	reserveName = "RESERVE"
	reserveSize = 8 << 20
)

// holdReserve makes the reserve again, where there is the space for it.
func (d *directory) holdReserve() {
	path := filepath.Join(d.path, reserveName)
	if fi, err := os.Stat(path); err == nil && fi.Size() == reserveSize {
		return
	}
	if free, err := freeSpace(d.path); err != nil || free < 4*reserveSize+d.minFree {
		return
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	if ok, err := d.disk.reserve(f, 0, reserveSize); !ok || err != nil {
		_ = os.Remove(path)
	}
}

// giveReserve gives the reserve back to the disk, and reports whether there was one.
func (d *directory) giveReserve() bool {
	return os.Remove(filepath.Join(d.path, reserveName)) == nil
}

func (d *directory) headPath(n int) string { return filepath.Join(d.path, headDirName(n)) }

// create makes a new segment, where there is the space for one.
// Errors wrap errNoSpace or errNoSegment.
func (d *directory) create(n int, reserve int64) (*head, error) {
	free, err := d.disk.freeSpace(d.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSegment, err)
	}
	if need := reserve + walStep + headFootprint; free < need {
		return nil, fmt.Errorf(
			"%w: a segment needs %d MiB, %s has %d MiB free", errNoSpace, (need+1<<20-1)>>20, d.path,
			free>>20,
		)
	}
	h, err := openHead(d.disk, d.headPath(n), d.segmentSize, reserve, &d.badger)
	switch {
	case errors.Is(err, errNoSpace):
		return nil, err
	case isFull(err):
		return nil, fmt.Errorf("%w: %w", errNoSpace, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoSegment, err)
	}
	if h.memory.missing() && runtime.GOOS == "linux" {
		d.unmapped.Do(func() {
			d.log.Info(
				"Badger's memory maps are not to be found in /proc/self/maps: they are written to as they are, and a quota that is used up may end the process",
				"dir", d.path,
			)
		})
	}
	return h, nil
}

const (
	trashPrefix = "trash-"
	damagedName = "damaged"
)

// remove deletes a segment's directory so that no half of it is ever taken for a segment.
func (d *directory) remove(dir string) error {
	trash := filepath.Join(d.path, trashPrefix+filepath.Base(dir))
	if err := d.rename(dir, trash); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return d.disk.removeAll(trash)
}

// rename renames a directory. A quota that is used up may have no room for that either: then the
// reserve is given up for it.
func (d *directory) rename(from, to string) error {
	err := d.disk.rename(from, to)
	if isFull(err) && d.giveReserve() {
		err = d.disk.rename(from, to)
	}
	return err
}

// emptyTrash removes what a run that was killed had begun to remove, or to mark the directory with.
func (d *directory) emptyTrash() error {
	names, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range names {
		if !strings.HasPrefix(e.Name(), trashPrefix) &&
			!strings.HasPrefix(e.Name(), dataformat.Name+"-") {
			continue
		}
		err := os.RemoveAll(filepath.Join(d.path, e.Name()))
		if err != nil && !isFull(err) { // what there is no room for waits for the next start
			return err
		}
	}
	return nil
}

// moveAside keeps a damaged segment for a person to look at.
func (d *directory) moveAside(dir string) error {
	damaged := filepath.Join(d.path, damagedName)
	if err := os.MkdirAll(damaged, 0o750); err != nil {
		return err
	}
	to := filepath.Join(
		damaged, filepath.Base(dir)+"-"+time.Now().UTC().Format("20060102T150405.000000000"),
	)
	return d.rename(dir, to)
}
