package spool

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

// cut is the spool of one range of a log: a file per partition path. One goroutine adds to it;
// members are compressed and written by the archiver's workers meanwhile.
type cut struct {
	a       *Archiver
	acct    *account
	start   int64
	end     int64            // once sealed
	byKey   map[string]*file // by partition key; several may lead to one file
	known   knownFiles
	byPath  map[string]*file // by path and schema
	records int64
	// that the cut makes good; nil for one that is made for the first time
	redoIntent *protocol.Intent
	losses     losses
	bytes      int64 // of keys and values
	events     eventSpan
	began      time.Time // when the first record was added

	members *store // compressed members, in the order they were made
	chunks  *store // beginnings of members, written when memory ran short
	jobs    sync.WaitGroup
	buffers int64 // memory that rows take

	arrivals     arrivals
	arriving     bool  // rows of small files go there
	arrivalsHeld int64 // of buffers

	deadChunkBytes int64 // bytes of chunks that have become members

	order  []*file // see sorted
	runs   []int64 // where what was spilled together begins in chunks
	window *window // while files are uploaded

	made builtMembers // by workers
}

// file is what one partition path holds of a cut, by and by: members, chunks of the next member,
// rows in its buffer, and rows among the arrivals. What each record touches comes first: of many
// files none is in a cache.
type file struct {
	count     int64
	last      int64
	hash      uint64
	chunksLen int    // bytes of the rows in chunks
	arrived   int    // bytes of the rows among the arrivals
	number    uint32 // files are counted as they are made
	large     bool   // it has filled a member
	class     partition.Class
	key       shortKey // that led to it
	rows      []byte   // of the pool
	format    format.Format
	path      string
	schema    string // what its records' schema is known by; "" where files are not parted by it
	first     int64
	chunks    []chunk
	members   []*extent
	stored    int64 // bytes of members; guarded by cut.made.mu
}

// extent is a run of bytes in a working file, or in memory.
type extent struct {
	off int64
	n   int
	mem []byte
}

// store is one working file of a cut, written at its end only.
type store struct {
	path string
	mu   sync.Mutex
	end  int64
}

func (a *Archiver) newCut(acct *account, start int64) *cut {
	return &cut{
		a: a, acct: acct, start: start, byKey: map[string]*file{}, byPath: map[string]*file{},
		members: a.dir.newStore("members"),
		chunks:  a.dir.newStore("chunks"),
	}
}

// append writes p at the end of a working file. When the disk refuses it, nothing has changed.
func (c *cut) append(s *store, p []byte) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	off := s.end
	err := c.a.files.with(s.path, func(f *os.File) error {
		_, err := c.a.writeAt(f, p, off)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write working file: %w", err)
	}
	s.end += int64(len(p))
	c.acct.take(0, int64(len(p)))
	return off, nil
}

func (c *cut) readAt(s *store, p []byte, off int64) error {
	return c.a.files.with(s.path, func(f *os.File) error {
		if _, err := f.ReadAt(p, off); err != nil {
			return fmt.Errorf("read working file: %w", err)
		}
		return nil
	})
}

// Where a cut has arriveFrom files, and all cuts together have more than a cache has room for, rows
// of small ones arrive together.
const (
	arriveFrom      = 8
	arriveFromInAll = 256
)

// file returns the file for path and schema, made when it is the first time.
func (c *cut) file(path, schema string, class partition.Class) (f *file, made bool) {
	at := path
	if schema != "" {
		at += "\x00" + schema
	}
	if f = c.byPath[at]; f == nil {
		f = &file{
			path: path, schema: schema, class: class, format: c.a.codec.rows,
			number: uint32(len(c.byPath)),
		}
		made = true
		if class == partition.DeadLetter {
			f.format = c.a.codec.dead
		} else if h := c.a.codec.header; len(h) > 0 {
			f.members = append(f.members, &extent{n: len(h), mem: h})
		}
		c.byPath[at] = f
		c.arriving = c.arriving ||
			len(c.byPath) >= arriveFrom && c.a.paths.Load() >= arriveFromInAll
	}
	return f, made
}

// add appends one row, which is r's in the file's format, and may lie already where it belongs: see
// behind.
func (c *cut) add(f *file, r *record.Record, row []byte) error {
	if f.count == 0 {
		f.first = r.Offset
	}
	f.last = r.Offset
	f.count++
	c.records++
	f.hash ^= xxhash.Sum64(r.Value) ^ uint64(r.Offset)*0x9e3779b97f4a7c15
	f.hash *= 0xff51afd7ed558ccd
	f.hash ^= f.hash >> 32
	if c.arrives(f) {
		c.arrive(f, row)
	} else {
		if cap(f.rows)-len(f.rows) < len(row) {
			c.makeRoom(f, len(row))
		}
		f.rows = appendInPlace(f.rows, row)
	}
	if f.chunksLen+f.inMemory() >= chunkSize {
		return c.flush(f)
	}
	return nil
}

// arrives reports whether the next row of f goes among the arrivals.
func (c *cut) arrives(f *file) bool { return c.arriving && !f.large }

// behind returns what the next row of f comes behind, nil if there is no room for n bytes more.
func (c *cut) behind(f *file, n int) []byte {
	if c.arrives(f) {
		return c.arrivals.behind(n)
	}
	if cap(f.rows)-len(f.rows) > n {
		return f.rows
	}
	return nil
}

// inMemory returns the bytes of the rows in memory.
func (f *file) inMemory() int { return len(f.rows) + f.arrived }

// makeRoom makes room for n bytes more in f's buffer.
func (c *cut) makeRoom(f *file, n int) {
	had := cap(f.rows)
	if f.rows == nil && f.large && c.a.budget.used(true) < c.a.cfg.Spool.Memory/2 {
		n = max(n, bufferClasses[len(bufferClasses)-1]) // it is not copied while it grows
	}
	f.rows = c.a.buffers.grow(f.rows, n)
	c.hold(cap(f.rows) - had)
}

// arrive puts a row of f among the arrivals.
func (c *cut) arrive(f *file, row []byte) {
	segments, rows := len(c.arrivals.segments), cap(c.arrivals.rows)
	c.arrivals.add(c.a.buffers, f.number, row)
	f.arrived += len(row)
	if len(c.arrivals.segments) != segments || cap(c.arrivals.rows) != rows {
		c.holdArrivals()
	}
}

// own moves what has arrived of f into its buffer.
func (c *cut) own(f *file) {
	had := f.rows
	f.rows = append(c.a.buffers.get(f.inMemory()), had...)
	f.rows = c.arrivals.take(f.rows, f.number)
	f.arrived = 0
	c.a.buffers.put(had)
	c.hold(cap(f.rows) - cap(had))
}

// hold notes that rows take more memory, or less.
func (c *cut) hold(more int) {
	c.buffers += int64(more)
	c.acct.take(int64(more), 0)
}

// holdArrivals notes what the arrivals take by now.
func (c *cut) holdArrivals() {
	held := int64(c.arrivals.held())
	c.hold(int(held - c.arrivalsHeld))
	c.arrivalsHeld = held
}

// flush hands the rows since the last member to a worker.
func (c *cut) flush(f *file) error {
	if err := c.made.failed(); err != nil {
		return err
	}
	if f.arrived > 0 {
		c.own(f)
	}
	m := &extent{}
	j := job{c: c, f: f, m: m, rows: f.rows, chunks: f.chunks, chunksLen: f.chunksLen}
	f.members = append(f.members, m)
	c.buffers -= int64(cap(f.rows))
	for _, p := range f.chunks {
		c.deadChunkBytes += int64(p.n)
	}
	f.rows, f.chunks, f.chunksLen, f.large = nil, nil, 0, true
	c.jobs.Add(1)
	c.a.workers.do(j)
	return nil
}

// size is what a roll would set free.
func (c *cut) size() int64 {
	return c.buffers + c.made.heldBytes() + c.members.size() + c.chunks.size()
}

func (s *store) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

// sorted returns the files by path and schema. They are spilled and uploaded in this order.
func (c *cut) sorted() []*file {
	if len(c.order) == len(c.byPath) {
		return c.order
	}
	files := make([]*file, 0, len(c.byPath))
	for _, f := range c.byPath {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *file) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.schema, b.schema))
	})
	c.order = files
	return files
}

// digest covers each file's path and its records, in order.
func (c *cut) digest(files []*file) string {
	h := sha256.New()
	var b []byte
	for _, f := range files {
		b = append(b[:0], f.path...)
		if f.schema != "" {
			b = append(append(b, 0, 0xff), f.schema...)
		}
		b = append(b, 0, byte(f.class))
		b = binary.BigEndian.AppendUint64(b, uint64(f.count))
		b = binary.BigEndian.AppendUint64(b, f.hash)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// release waits for the workers and gives back memory and disk. The cut is of no use afterwards.
func (c *cut) release() {
	c.jobs.Wait()
	for _, f := range c.byPath {
		if f.rows != nil {
			c.hold(-cap(f.rows))
			c.a.buffers.put(f.rows)
			f.rows = nil
		}
	}
	c.arrivals.giveBack(c.a.buffers)
	c.arrivals.rows = nil
	c.holdArrivals()
	c.acct.take(-c.made.heldBytes(), 0)
	c.made.held = nil
	for _, s := range []*store{c.members, c.chunks} {
		_ = c.drop(s, nil)
	}
}
