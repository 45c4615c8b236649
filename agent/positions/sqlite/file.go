package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrFormat is wrapped by errors about files that are no database, or a damaged one.
var ErrFormat = errors.New("it is no SQLite database that can be read")

var magic = []byte("SQLite format 3\x00")

// database is a database in memory: what a program keeps its place in is small.
type database struct {
	pages  map[uint32][]byte // those of the write-ahead log
	data   []byte
	size   int // of a page
	usable int
}

const maxFile = 1 << 30

func open(path string) (*database, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	d := &database{data: data, pages: map[uint32][]byte{}}
	wal, err := read(path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := d.readLog(wal); err != nil {
		return nil, err
	}
	head := data
	if first := d.pages[1]; first != nil {
		head = first
	}
	if len(head) < 100 || !bytes.HasPrefix(head, magic) {
		return nil, fmt.Errorf("%s: %w", path, ErrFormat)
	}
	d.size = int(binary.BigEndian.Uint16(head[16:]))
	if d.size == 1 {
		d.size = 1 << 16
	}
	d.usable = d.size - int(head[20])
	if d.size < 512 || d.size&(d.size-1) != 0 || d.usable < 480 {
		return nil, fmt.Errorf("%s: %w: pages of %d bytes", path, ErrFormat, d.size)
	}
	if encoding := binary.BigEndian.Uint32(head[56:]); encoding > 1 {
		return nil, fmt.Errorf("%s: %w: its texts are UTF-16", path, ErrFormat)
	}
	if hot(path + "-journal") {
		return nil, fmt.Errorf(
			"%s: its last change was broken off: open it once with sqlite3, which completes it", path,
		)
	}
	return d, nil
}

func read(path string) ([]byte, error) {
	if fi, err := os.Stat(path); err != nil {
		return nil, err
	} else if fi.Size() > maxFile {
		return nil, fmt.Errorf("%s: %w: it has %d bytes", path, ErrFormat, fi.Size())
	}
	return os.ReadFile(path)
}

// hot reports whether a rollback journal has something to roll back.
func hot(path string) bool {
	data, err := read(path)
	return err == nil && len(data) >= 28 &&
		bytes.HasPrefix(data, []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7})
}

// readLog takes over the pages of the transactions that were committed to a write-ahead log.
func (d *database) readLog(wal []byte) error {
	const header, frame = 32, 24
	if len(wal) < header {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch binary.BigEndian.Uint32(wal) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return nil // it was never begun
	}
	size := int(binary.BigEndian.Uint32(wal[8:]))
	if size < 512 || size > 1<<16 || size&(size-1) != 0 {
		return fmt.Errorf("%w: a log with pages of %d bytes", ErrFormat, size)
	}
	a, b := sum(order, 0, 0, wal[:24])
	if a != binary.BigEndian.Uint32(wal[24:]) || b != binary.BigEndian.Uint32(wal[28:]) {
		return nil
	}
	salt := wal[16:24]
	pending := map[uint32][]byte{}
	for rest := wal[header:]; len(rest) >= frame+size; rest = rest[frame+size:] {
		if !bytes.Equal(rest[8:16], salt) {
			return nil // of an earlier round
		}
		a, b = sum(order, a, b, rest[:8])
		a, b = sum(order, a, b, rest[frame:frame+size])
		if a != binary.BigEndian.Uint32(rest[16:]) || b != binary.BigEndian.Uint32(rest[20:]) {
			return nil // the last one was not written whole
		}
		pending[binary.BigEndian.Uint32(rest)] = rest[frame : frame+size]
		if binary.BigEndian.Uint32(rest[4:]) == 0 {
			continue
		}
		for n, page := range pending {
			d.pages[n] = page
		}
		clear(pending)
	}
	return nil
}

// sum goes on with the checksum of a write-ahead log.
func sum(order binary.ByteOrder, a, b uint32, p []byte) (uint32, uint32) {
	for ; len(p) >= 8; p = p[8:] {
		a += order.Uint32(p) + b
		b += order.Uint32(p[4:]) + a
	}
	return a, b
}

func (d *database) page(n uint32) ([]byte, error) {
	if p := d.pages[n]; p != nil && len(p) == d.size {
		return p, nil
	}
	if n == 0 || int64(n)*int64(d.size) > int64(len(d.data)) {
		return nil, fmt.Errorf("%w: page %d is not there", ErrFormat, n)
	}
	at := int(n-1) * d.size
	return d.data[at : at+d.size], nil
}
