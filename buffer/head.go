package buffer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	memTableSize = 2 << 20
	walName      = "00001.mem"

	// maxGroups keeps a segment's memtable from filling up, which would make Badger write tables,
	// through memory maps, at a time of its own choosing. One group takes about 100 bytes of
	// write-ahead log and as much of the table.
	maxGroups    = 12_000
	walGroupSize = 128

	walStep = 1 << 20

	// stateReserve is disk that only changes of state may use: cursors must move while the disk is
	// full.
	stateReserve = 256 << 10

	// headFootprint is the disk that Badger's own files of a segment may take.
	headFootprint = 3 << 20

	// closeHeadroom is the free disk at which a segment's database is closed, or a quarter of a
	// small file system. Closing writes a table through a memory map that nobody can allocate
	// ahead, so what other processes may take in those milliseconds must still be there after.
	closeHeadroom = 64 << 20

	// openDescriptors are what opening a segment takes, and some to spare.
	openDescriptors = 16

	// maxRetiring bounds the databases that wait for that.
	maxRetiring = 8
)

var (
	// errNoSpace tells that the disk, or what the floor leaves of it, is used up.
	errNoSpace = errors.New("no space left for the buffer")
	// errNoSegment tells that a segment cannot be begun, for another reason. The one before it is
	// as good as it was.
	errNoSegment = errors.New("cannot begin a segment")
)

// head is the Badger database of a segment that is being written. One goroutine uses it.
//
// Badger writes through memory maps of sparse files, and where the disk is full such a write is not
// an error but a SIGBUS. So every byte is allocated before it is touched.
type head struct {
	dir       string
	disk      disk
	db        *badger.DB
	vlog, wal *os.File
	mapped    mapping // of the value log

	written, reserved       int64 // of the value log
	synced                  int64
	walWritten, walReserved int64
	groups                  int
	cannotReserve           bool // the file system does not allocate ahead: only the floor protects
}

func badgerOptions(dir string, segmentSize int64, logger badger.Logger) badger.Options {
	opt := badger.DefaultOptions(dir)
	opt.Logger = logger
	opt.SyncWrites = false // see head.sync
	opt.MemTableSize = memTableSize
	opt.NumMemtables = 1
	opt.NumCompactors = 0
	opt.NumGoroutines = 1
	opt.BlockCacheSize = 0
	opt.IndexCacheSize = 0
	opt.Compression = options.None
	opt.DetectConflicts = false
	opt.MetricsEnabled = false
	// Every group is longer than this and goes to the value log; Badger's own transaction marks are
	// shorter and must not.
	opt.ValueThreshold = 48
	// never reached: Badger must not begin a second file
	opt.ValueLogFileSize = segmentSize + 16<<20
	return opt
}

// openHead creates a segment in dir, which does not exist, with room for reserve bytes. The caller
// has seen to it that headFootprint bytes are free besides.
func openHead(d disk, dir string, segmentSize, reserve int64, logger badger.Logger) (*head, error) {
	err := d.try(stepCreate, dir)
	if err == nil {
		err = needDescriptors(filepath.Dir(dir), openDescriptors)
	}
	var db *badger.DB
	if err == nil {
		db, err = openBadger(badgerOptions(dir, segmentSize, logger))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create database: %w", err), os.RemoveAll(dir))
	}
	h := &head{dir: dir, disk: d, db: db, written: vlogHeaderSize}
	if err := h.setUp(reserve); err != nil {
		return nil, errors.Join(err, h.discard())
	}
	return h, nil
}

// setUp opens and allocates the files of a new database.
func (h *head) setUp(reserve int64) (err error) {
	if h.vlog, err = h.disk.open(filepath.Join(h.dir, vlogName)); err != nil {
		return err
	}
	h.mapped = findMapping(h.vlog)
	if h.wal, err = h.disk.open(filepath.Join(h.dir, walName)); err != nil {
		return err
	}
	if err := h.reserveTo(reserve, 1); err != nil {
		return err
	}
	if err := h.disk.syncAll(h.vlog); err != nil {
		return err
	}
	return errors.Join(h.disk.syncDir(h.dir), h.disk.syncDir(filepath.Dir(h.dir)))
}

// openBadger opens a new database. It touches the first page of each of its files; where the disk
// fills up in that very moment this is an error rather than the end of the process.
func openBadger(opt badger.Options) (db *badger.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: %v", errNoSpace, r)
		}
	}()
	return badger.Open(opt)
}

// reserveTo allocates the value log as far as offset to, and the write-ahead log for that many
// groups more.
func (h *head) reserveTo(to int64, groups int) error {
	if h.cannotReserve {
		return nil
	}
	if to > h.reserved {
		from := h.reserved
		if err := h.allocate(h.vlog, &h.reserved, to); err != nil {
			return err
		}
		h.populate(from, to)
	}
	if need := h.walWritten + int64(groups)*walGroupSize + 4096; need > h.walReserved {
		return h.allocate(h.wal, &h.walReserved, need+walStep)
	}
	return nil
}

// populate has the page cache hold what was allocated, as single pages: through a map, a write
// makes all of a large folio dirty, and each sync would write what is in it once more. Nothing is
// read, since nothing was written there.
func (h *head) populate(from, to int64) {
	const step = 128 << 10 // the least that kernels take at a time
	for off := from; off < to; off += step {
		readAhead(h.vlog, off, min(step, to-off))
	}
}

func (h *head) allocate(f *os.File, reserved *int64, to int64) error {
	ok, err := h.disk.reserve(f, *reserved, to)
	switch {
	case isFull(err):
		return fmt.Errorf("%w: %w", errNoSpace, err)
	case err != nil:
		return err
	case !ok:
		h.cannotReserve = true
	default:
		*reserved = to
	}
	return nil
}

// write stores the groups, whose space is reserved. Each is a transaction of its own, since Badger
// writes those of one transaction in any order; a group is whole in itself, and later ones do not
// count when one before did not survive.
func (h *head) write(groups [][]byte) error {
	for _, g := range groups {
		if err := h.writeGroup(g); err != nil {
			return err
		}
	}
	return nil
}

func (h *head) writeGroup(g []byte) error {
	if err := h.disk.try(stepWrite, h.dir); err != nil {
		return err
	}
	key := g[8:24:24] // first position and number, as in the header
	txn := h.db.NewTransaction(true)
	defer txn.Discard()
	if err := txn.Set(key, g); err != nil {
		return fmt.Errorf("write group: %w", err)
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("commit group: %w", err)
	}
	h.written += vlogEntrySize(int64(len(g)))
	h.walWritten += walGroupSize
	h.groups++
	return nil
}

// sync makes what was written durable. The value log is all that recovery reads, so it is all that
// is synced. That is one wait for the disk where Badger's SyncWrites takes two, and Badger logs a
// failed sync of the value log but reports success.
func (h *head) sync() error {
	to := h.written
	h.mapped.drop(h.synced, to)
	err := h.disk.sync(h.vlog)
	if err == nil {
		h.synced = to
	}
	return err
}

// full reports whether size more bytes belong into the next segment.
func (h *head) full(size, segmentSize int64, groups int) bool {
	return h.groups > 1 && (h.written+size > segmentSize || h.groups+groups > maxGroups)
}

// close flushes and closes the database; what was reserved and not used goes back to the disk.
func (h *head) close() error {
	return errors.Join(h.closeDatabase(), h.closeFiles())
}

// closePatience is how long a database may take to be closed. It takes milliseconds.
const closePatience = 10 * time.Second

var errStuck = errors.New("the database could not be closed: its disk takes nothing")

// closeDatabase closes the database. Where the disk takes nothing, because it is broken or
// read-only, Badger tries for ever to flush what it has in memory. Nothing depends on that: the
// value log is all that recovery reads. So after a while the database is left to itself, which it
// may be until the process ends.
func (h *head) closeDatabase() error {
	closed := make(chan error, 1)
	go func() { closed <- errors.Join(h.disk.try(stepFlush, h.dir), h.db.Close()) }()
	timer := time.NewTimer(cmp.Or(h.disk.patience, closePatience))
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return errStuck
	}
}

func (h *head) closeFiles() (err error) {
	for _, f := range []*os.File{h.vlog, h.wal} {
		if f != nil {
			err = errors.Join(err, h.disk.close(f))
		}
	}
	return err
}

// release gives the disk of the value log back, which nobody reads from here on.
func (h *head) release() { _ = h.vlog.Truncate(vlogHeaderSize) }

// discard closes the segment and deletes it.
func (h *head) discard() error {
	err := h.close()
	if errors.Is(err, errStuck) {
		return err // its directory is the next start's to remove
	}
	return errors.Join(err, h.disk.removeAll(h.dir))
}
