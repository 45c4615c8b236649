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

	// maxGroups keeps a segment's memtable from filling up: Badger would begin another, with a map
	// of its own, and cannot write the first (headLog). One group takes about 100 bytes of
	// write-ahead log and as much of the table.
	maxGroups    = 12_000
	walGroupSize = 128

	walStep = 1 << 20

	// vlogSpare is what a value log may be longer than a segment: by its last groups, and by what
	// Badger has written and the disk did not take.
	vlogSpare = 16 << 20

	// forgetBytes and forgetGroups are how much of its memory a head keeps that was stored.
	forgetBytes  = 1 << 20
	forgetGroups = 1 << 10

	// stateReserve is disk that only changes of state may use: cursors must move while the disk is
	// full.
	stateReserve = 256 << 10

	// headFootprint is the disk that Badger's own files of a segment may take.
	headFootprint = 3 << 20

	// openDescriptors are what opening a segment takes, and some to spare.
	openDescriptors = 16

	// openRoom is what Badger writes through its maps meanwhile, and much to spare.
	openRoom = 256 << 10

	// maxRetiring bounds the segments that wait for descriptors to be closed, or for room to say
	// what is in them.
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
// Badger writes through memory maps of its files, and where the disk does not take such a write it
// is not an error but a SIGBUS. So it writes to memory in the place of the maps, and write stores
// what it wrote. Where that cannot be had every byte is allocated before it is touched, which is
// not enough with a quota or copy-on-write.
type head struct {
	dir       string
	disk      disk
	db        *badger.DB
	vlog, wal *os.File
	memory    shadow // in the place of the value log's map
	walMemory shadow // what is written there nobody needs

	at, kept int64 // where Badger writes next in the value log's map, and what memory holds since
	limit    int64 // of at

	written, reserved       int64 // of the value log
	smeared                 int64 // what writes that failed may have left behind written ends here
	walWritten, walReserved int64
	groups, keptGroups      int
	released                bool
	cannotReserve           bool // the file system does not allocate ahead
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
	opt.ValueLogFileSize = segmentSize + vlogSpare
	return opt
}

// openHead creates a segment in dir, which does not exist, with room for reserve bytes. The caller
// has seen to it that headFootprint bytes are free besides.
func openHead(d disk, dir string, segmentSize, reserve int64, logger badger.Logger) (*head, error) {
	err := d.try(stepCreate, dir)
	if err == nil {
		err = needDescriptors(filepath.Dir(dir), openDescriptors)
	}
	if err == nil {
		err = needRoom(filepath.Dir(dir), openRoom)
	}
	var db *badger.DB
	if err == nil {
		db, err = openBadger(badgerOptions(dir, segmentSize, headLog{logger}))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create database: %w", err), os.RemoveAll(dir))
	}
	h := &head{
		dir: dir, disk: d, db: db, written: vlogHeaderSize,
		at: vlogHeaderSize, kept: vlogHeaderSize, limit: segmentSize + vlogSpare,
	}
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
	h.memory = h.disk.takeMap(h.vlog)
	if h.wal, err = h.disk.open(filepath.Join(h.dir, walName)); err != nil {
		return err
	}
	h.walMemory = h.disk.takeMap(h.wal)
	if err := h.disk.create(filepath.Join(h.dir, tableName)); err != nil {
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
	if h.at+to-h.written > h.limit {
		return fmt.Errorf("%w: too much was refused since the disk is full", errNoSpace)
	}
	if h.cannotReserve {
		return nil
	}
	if to > h.reserved {
		if err := h.allocate(h.vlog, &h.reserved, to); err != nil {
			return err
		}
	}
	if !h.walMemory.missing() {
		return nil
	}
	if need := h.walWritten + int64(groups)*walGroupSize + 4096; need > h.walReserved {
		return h.allocate(h.wal, &h.walReserved, need+walStep)
	}
	return nil
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
// count when one before did not survive. Errors that wrap errNoSpace leave everything as it was.
func (h *head) write(groups [][]byte) error {
	from := h.at
	for _, g := range groups {
		if err := h.writeGroup(g); err != nil {
			return err
		}
	}
	err := h.store(from)
	h.forget()
	if isFull(err) {
		return fmt.Errorf("%w: %w", errNoSpace, err)
	}
	return err
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
	h.at += vlogEntrySize(int64(len(g)))
	h.walWritten += walGroupSize
	h.groups++
	return nil
}

// store brings what Badger has written since from into the file. What could not be stored does not
// count: the next write takes its place.
func (h *head) store(from int64) error {
	n := h.at - from
	if !h.memory.missing() {
		end, err := h.written+n, error(nil)
		if h.smeared > end { // zeros, so that the log ends there
			_, err = h.vlog.WriteAt(make([]byte, min(h.smeared-end, vlogPeekSize)), end)
		}
		if err == nil {
			err = h.disk.store(h.vlog, h.memory, from, n, h.written)
		}
		if err != nil {
			h.smeared = max(h.smeared, end)
			return err
		}
	}
	if h.written == vlogHeaderSize && !h.walMemory.missing() {
		// tells that something was written, should the value log not read back (wasUsed)
		if _, err := h.wal.WriteAt([]byte{1}, vlogHeaderSize); err != nil {
			return err
		}
	}
	h.written += n
	return nil
}

// forget has the memory of what was stored used again, once it is worth the call.
func (h *head) forget() {
	if h.at-h.kept < forgetBytes && h.groups-h.keptGroups < forgetGroups {
		return
	}
	h.memory.recycle(h.kept, h.at)
	h.kept = h.at
	h.walMemory.forget(0, 2*memTableSize)
	h.keptGroups = h.groups
}

// sync makes what was written durable. The value log is all that recovery reads, so it is all that
// is synced. That is one wait for the disk where Badger's SyncWrites takes two, and Badger logs a
// failed sync of the value log but reports success.
func (h *head) sync() error {
	return h.disk.sync(h.vlog)
}

// full reports whether size more bytes belong into the next segment.
func (h *head) full(size, segmentSize int64, groups int) bool {
	return h.groups > 1 && (h.written+size > segmentSize || h.groups+groups > maxGroups ||
		h.at-h.written > vlogSpare/2)
}

// close closes the database; what was reserved and not used goes back to the disk, and what was
// written is durable.
func (h *head) close() error {
	err := h.closeDatabase()
	switch {
	case err != nil:
	case h.released: // Badger has given the log its length again
		h.release()
	case !h.memory.missing():
		// Badger has synced memory, and knows nothing of what was refused.
		if err = h.vlog.Truncate(h.written); err == nil {
			err = h.disk.sync(h.vlog)
		}
	}
	if err == nil && h.groups > 0 && !h.walMemory.missing() {
		err = h.wal.Truncate(vlogHeaderSize + 1)
	}
	return errors.Join(err, h.closeFiles())
}

// closePatience is how long a database may take to be closed. It takes milliseconds.
const closePatience = 10 * time.Second

var errStuck = errors.New("the database could not be closed: its disk takes nothing")

// closeDatabase closes the database. Where the disk takes nothing it is left to itself after a
// while, which it may be until the process ends: the value log is all that recovery reads.
func (h *head) closeDatabase() error {
	closed, db := make(chan error, 1), h.db
	h.db = nil // it holds memory, and the write-ahead log's descriptor
	go func() { closed <- errors.Join(h.disk.try(stepFlush, h.dir), db.Close()) }()
	timer := time.NewTimer(cmp.Or(h.disk.patience, closePatience))
	defer timer.Stop()
	select {
	case err := <-closed:
		if h.groups > 0 {
			h.walMemory.unmap() // headLog leaves it
		}
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
func (h *head) release() {
	h.released = true
	_ = h.vlog.Truncate(vlogHeaderSize)
}

// discard closes the segment and deletes it.
func (h *head) discard() error {
	err := h.close()
	if errors.Is(err, errStuck) {
		return err // its directory is the next start's to remove
	}
	return errors.Join(err, h.disk.removeAll(h.dir))
}
