package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// Badger's value log file (format 8): a header of 20 bytes, then entries, then zeros where the file
// was made longer ahead of its use.
//
//	meta 1 | user meta 1 | uvarint key length | uvarint value length | uvarint expiry |
//	key | value | CRC32C 4
//
// https://github.com/dgraph-io/badger/blob/v4.9.6/memtable.go (logFile) and structs.go (header).
// Our key is the first position and the
// group's number, 8 bytes each, to which Badger adds 8 of its own.
const (
	vlogName       = "000001.vlog"
	vlogHeaderSize = 20
	vlogKeySize    = 16 + 8
	vlogCRCSize    = 4

	// vlogPeekSize is what is looked at to tell whether there is an entry.
	vlogPeekSize = 2 + 3*binary.MaxVarintLen64 + vlogKeySize + groupHeaderSize
)

// vlogEntrySize is the size of the entry that holds a value of n bytes.
func vlogEntrySize(n int64) int64 {
	var b [binary.MaxVarintLen64]byte
	return 2 + 1 + int64(binary.PutUvarint(b[:], uint64(n))) + 1 + vlogKeySize + n + vlogCRCSize
}

// entry is a group in a value log file.
type entry struct {
	groupHeader
	off int64 // of the group
}

// errVlogEnd tells that there is no entry: zeros, or the end of the file.
var errVlogEnd = errors.New("end of value log")

// readEntryAt parses the entry that begins at off, and returns it and where the next one begins.
func readEntryAt(f io.ReaderAt, off int64) (e entry, next int64, err error) {
	var buf [vlogPeekSize]byte
	n, err := f.ReadAt(buf[:], off)
	if err != nil && err != io.EOF {
		return e, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	p := buf[:n]
	if len(bytes.Trim(p, "\x00")) == 0 {
		return e, 0, errVlogEnd
	}
	at := 2
	var lens [3]uint64
	for i := range lens {
		if at > len(p) {
			return e, 0, errNoGroup
		}
		v, w := binary.Uvarint(p[at:])
		if w <= 0 {
			return e, 0, errNoGroup
		}
		lens[i] = v
		at += w
	}
	if lens[0] != vlogKeySize || at+vlogKeySize > len(p) {
		return e, 0, errNoGroup
	}
	at += vlogKeySize
	e.off = off + int64(at)
	if e.groupHeader, err = parseGroupHeader(p[at:]); err != nil {
		return e, 0, err
	}
	if uint64(e.size()) != lens[1] {
		return e, 0, fmt.Errorf(
			"%w: value of %d bytes holds a group of %d", ErrCorrupt, lens[1], e.size(),
		)
	}
	return e, e.off + e.size() + vlogCRCSize, nil
}

// findEntry looks for the next group header from off on, over damaged bytes.
func findEntry(f *os.File, off int64) (e entry, next int64, err error) {
	const chunk = 1 << 20
	buf := make([]byte, chunk+groupHeaderSize)
	for {
		off = skipHole(f, off)
		n, err := f.ReadAt(buf, off)
		p := buf[:n]
		for i := 0; ; i++ {
			j := bytes.Index(p[i:], groupMagic)
			if j < 0 {
				break
			}
			i += j
			if h, err := parseGroupHeader(p[i:]); err == nil {
				e = entry{h, off + int64(i)}
				return e, e.off + e.size() + vlogCRCSize, nil
			}
		}
		switch {
		case err == io.EOF:
			return e, 0, errVlogEnd
		case err != nil && n == 0:
			off += 4096 // a sector that cannot be read
		default:
			off += int64(max(n-groupHeaderSize, 1))
		}
	}
}

// readMetaAt reads and checks the meta section of a group.
func (e *entry) readMetaAt(f io.ReaderAt) (changes []byte, err error) {
	meta := make([]byte, e.metaLen)
	if _, err := f.ReadAt(meta, e.off+groupHeaderSize); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	_, changes, err = parseMeta(&e.groupHeader, meta)
	return changes, err
}

// readAt reads the whole group.
func (e *entry) readAt(f io.ReaderAt) ([]byte, error) {
	p := make([]byte, e.size())
	if _, err := f.ReadAt(p, e.off); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return p, nil
}

// index is the list of a value log's groups that hold records, read as far as it was asked for.
type index struct {
	entries []entry
	next    int64 // where to read on; 0 at the beginning
	gaps    int   // stretches that did not parse
	done    bool  // nothing follows
}

// extend reads on until it covers position limit or what comes after it, but not beyond end.
func (x *index) extend(f *os.File, limit, end int64) {
	if x.next == 0 {
		x.next = vlogHeaderSize
	}
	for !x.done && (len(x.entries) == 0 || x.entries[len(x.entries)-1].end() < limit) {
		e, next, err := readEntryAt(f, x.next)
		if err != nil {
			// Zeros where an entry should be are damage too: limit says there is more.
			x.gaps++
			if e, next, err = findEntry(f, x.next); err != nil {
				x.done = true
				return
			}
		}
		if e.first >= end {
			return
		}
		x.next = next
		if e.records > 0 {
			x.entries = append(x.entries, e)
		}
	}
}

// find returns the first group that ends after pos.
func (x *index) find(pos int64) (entry, bool) {
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].end() > pos })
	if i == len(x.entries) {
		return entry{}, false
	}
	return x.entries[i], true
}
