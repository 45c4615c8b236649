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

func (p *parser) varint() (int64, error) {
	if len(p.b) > 0 && p.b[0] < 0x80 {
		u := p.b[0]
		p.b = p.b[1:]
		return int64(u>>1) ^ -int64(u&1), nil
	}
	v, n := binary.Varint(p.b)
	if n <= 0 {
		return 0, errShort
	}
	p.b = p.b[n:]
	return v, nil
}

func (p *parser) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(p.b)) {
		return nil, errShort
	}
	v := p.b[:n:n]
	p.b = p.b[n:]
	return v, nil
}

func (p *parser) bytes() ([]byte, error) {
	n, err := p.varint()
	if err != nil || n == -1 {
		return nil, err
	}
	return p.take(n)
}

// record parses one record into r, reusing r.Headers, and returns its timestamp delta in
// milliseconds.
func (p *parser) record(r *Record) (timeDelta int64, err error) {
	n, err := p.varint()
	if err != nil {
		return 0, err
	}
	rec, err := p.take(n)
	if err != nil {
		return 0, err
	}
	q := parser{b: rec}
	if len(q.b) == 0 {
		return 0, errShort
	}
	q.b = q.b[1:] // attributes: unused
	if timeDelta, err = q.varint(); err != nil {
		return 0, err
	}
	if _, err = q.varint(); err != nil { // offset delta: records are contiguous
		return 0, err
	}
	if r.Key, err = q.bytes(); err != nil {
		return 0, err
	}
	if r.Value, err = q.bytes(); err != nil {
		return 0, err
	}
	count, err := q.varint()
	if err != nil {
		return 0, err
	}
	if count < 0 || count > int64(len(q.b)) {
		return 0, fmt.Errorf("%w: %d headers in %d bytes", ErrCorrupt, count, len(q.b))
	}
	r.Headers = r.Headers[:0]
	for range count {
		n, err := q.varint()
		if err != nil {
			return 0, err
		}
		key, err := q.take(n)
		if err != nil {
			return 0, err
		}
		value, err := q.bytes()
		if err != nil {
			return 0, err
		}
		r.Headers = append(
			r.Headers, Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: value},
		)
	}
	if len(q.b) != 0 {
		return 0, errTrailing
	}
	return timeDelta, nil
}
