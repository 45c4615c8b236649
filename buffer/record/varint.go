package record

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unsafe"
)

var (
	errShort    = fmt.Errorf("%w: unexpected end", ErrCorrupt)
	errTrailing = fmt.Errorf("%w: bytes after the last record", ErrCorrupt)
)

func appendVarint(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func varintLen(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

// parser walks the record section of a Kafka record batch.
type parser struct{ b []byte }

// varint returns the number that b begins with, and what is behind it; ok is false if there is
// none.
func varint(b []byte) (v int64, rest []byte, ok bool) {
	switch { // nearly all take a byte or two
	case len(b) > 1 && b[0] >= 0x80 && b[1] < 0x80:
		u := uint64(b[0]&0x7f) | uint64(b[1])<<7
		return int64(u>>1) ^ -int64(u&1), b[2:], true
	case len(b) > 0 && b[0] < 0x80:
		u := uint64(b[0])
		return int64(u>>1) ^ -int64(u&1), b[1:], true
	}
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// counted returns the bytes behind their number, of which nil has -1, and what is behind them.
func counted(b []byte) (v, rest []byte, ok bool) {
	n, b, ok := varint(b)
	switch {
	case !ok || n > int64(len(b)) || n < -1:
		return nil, nil, false
	case n == -1:
		return nil, b, true
	}
	return b[:n:n], b[n:], true
}

// record parses one record into r, reusing r.Headers, and returns its timestamp delta in
// milliseconds.
func (p *parser) record(r *Record) (timeDelta int64, err error) {
	rec, rest, ok := counted(p.b)
	if !ok || len(rec) == 0 {
		return 0, errShort
	}
	p.b = rest
	timeDelta, b, ok := varint(rec[1:]) // behind the attributes, which are unused
	if !ok {
		return 0, errShort
	}
	if _, b, ok = varint(b); !ok { // offset delta: records are contiguous
		return 0, errShort
	}
	if r.Key, b, ok = counted(b); !ok {
		return 0, errShort
	}
	if r.Value, b, ok = counted(b); !ok {
		return 0, errShort
	}
	count, b, ok := varint(b)
	if !ok {
		return 0, errShort
	}
	if count < 0 || count > int64(len(b)) {
		return 0, fmt.Errorf("%w: %d headers in %d bytes", ErrCorrupt, count, len(b))
	}
	r.Headers = r.Headers[:0]
	for range count {
		var key, value []byte
		if key, b, ok = counted(b); !ok || key == nil {
			return 0, errShort
		}
		if value, b, ok = counted(b); !ok {
			return 0, errShort
		}
		r.Headers = append(
			r.Headers, Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: value},
		)
	}
	if len(b) != 0 {
		return 0, errTrailing
	}
	return timeDelta, nil
}
