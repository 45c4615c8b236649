package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// errShort tells that a value goes on beyond the bytes at hand.
	errShort = errors.New("message ends too soon")
	// ErrMalformed is wrapped by errors about bytes that are not the protocol: the connection
	// cannot go on.
	ErrMalformed = errors.New("malformed message")
	// ErrDepth is returned for what nests deeper than is allowed.
	ErrDepth = errors.New("nested too deep")
	// ErrLong is returned for a value whose text is longer than is allowed.
	ErrLong = errors.New("too long as JSON")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

type kind uint8

const (
	kindInvalid kind = iota
	kindNil
	kindFalse
	kindTrue
	kindInt
	kindUint
	kindFloat32
	kindFloat64
	kindStr
	kindBin
	kindExt
	kindArray
	kindMap
)

var kindNames = [...]string{
	"invalid",
	"nil",
	"a boolean",
	"a boolean",
	"a number",
	"a number",
	"a number",
	"a number",
	"a string",
	"a string",
	"an extension",
	"an array",
	"a map",
}

func (k kind) String() string { return kindNames[k] }

// head is the first part of a msgpack value: all of a scalar, and the length of the rest.
type head struct {
	kind kind
	ext  int8
	size int    // bytes of the head itself
	n    uint64 // length in bytes, or elements; the bits of a number
}

// body returns how many bytes of payload follow the head; elements of arrays and maps do not count.
func (h *head) body() uint64 {
	switch h.kind {
	case kindStr, kindBin, kindExt:
		return h.n
	}
	return 0
}

// readHead reads the head of the value that b begins with.
func readHead(b []byte) (head, error) {
	if len(b) == 0 {
		return head{}, errShort
	}
	c := b[0]
	switch {
	case c < 0x80:
		return head{kind: kindInt, size: 1, n: uint64(c)}, nil
	case c < 0x90:
		return head{kind: kindMap, size: 1, n: uint64(c & 0x0f)}, nil
	case c < 0xa0:
		return head{kind: kindArray, size: 1, n: uint64(c & 0x0f)}, nil
	case c < 0xc0:
		return head{kind: kindStr, size: 1, n: uint64(c & 0x1f)}, nil
	case c >= 0xe0:
		return head{kind: kindInt, size: 1, n: uint64(int64(int8(c)))}, nil
	}
	f := &forms[c-0xc0]
	if f.kind == kindInvalid {
		return head{}, malformed("byte %#x", c)
	}
	h := head{kind: f.kind, size: 1 + int(f.width)}
	if f.kind == kindExt {
		h.size++
	}
	if len(b) < h.size {
		return head{}, errShort
	}
	switch f.width {
	case 1:
		h.n = uint64(b[1])
	case 2:
		h.n = uint64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		h.n = uint64(binary.BigEndian.Uint32(b[1:]))
	case 8:
		h.n = binary.BigEndian.Uint64(b[1:])
	}
	switch {
	case f.kind == kindExt:
		h.ext = int8(b[h.size-1])
		if f.width == 0 {
			h.n = uint64(f.fixed)
		}
	case f.signed:
		h.n = signExtend(h.n, f.width)
	}
	return h, nil
}

func signExtend(n uint64, width uint8) uint64 {
	shift := 64 - 8*uint(width)
	return uint64(int64(n<<shift) >> shift)
}

// form describes the lead bytes 0xc0 to 0xdf:
// https://github.com/msgpack/msgpack/blob/master/spec.md#formats
type form struct {
	kind   kind
	width  uint8 // bytes of length or number after the lead byte
	fixed  uint8 // payload of a fixext
	signed bool
}

var forms = [32]form{
	0:           {kind: kindNil},
	0xc2 - 0xc0: {kind: kindFalse},
	0xc3 - 0xc0: {kind: kindTrue},
	0xc4 - 0xc0: {kind: kindBin, width: 1},
	0xc5 - 0xc0: {kind: kindBin, width: 2},
	0xc6 - 0xc0: {kind: kindBin, width: 4},
	0xc7 - 0xc0: {kind: kindExt, width: 1},
	0xc8 - 0xc0: {kind: kindExt, width: 2},
	0xc9 - 0xc0: {kind: kindExt, width: 4},
	0xca - 0xc0: {kind: kindFloat32, width: 4},
	0xcb - 0xc0: {kind: kindFloat64, width: 8},
	0xcc - 0xc0: {kind: kindUint, width: 1},
	0xcd - 0xc0: {kind: kindUint, width: 2},
	0xce - 0xc0: {kind: kindUint, width: 4},
	0xcf - 0xc0: {kind: kindUint, width: 8},
	0xd0 - 0xc0: {kind: kindInt, width: 1, signed: true},
	0xd1 - 0xc0: {kind: kindInt, width: 2, signed: true},
	0xd2 - 0xc0: {kind: kindInt, width: 4, signed: true},
	0xd3 - 0xc0: {kind: kindInt, width: 8, signed: true},
	0xd4 - 0xc0: {kind: kindExt, fixed: 1},
	0xd5 - 0xc0: {kind: kindExt, fixed: 2},
	0xd6 - 0xc0: {kind: kindExt, fixed: 4},
	0xd7 - 0xc0: {kind: kindExt, fixed: 8},
	0xd8 - 0xc0: {kind: kindExt, fixed: 16},
	0xd9 - 0xc0: {kind: kindStr, width: 1},
	0xda - 0xc0: {kind: kindStr, width: 2},
	0xdb - 0xc0: {kind: kindStr, width: 4},
	0xdc - 0xc0: {kind: kindArray, width: 2},
	0xdd - 0xc0: {kind: kindArray, width: 4},
	0xde - 0xc0: {kind: kindMap, width: 2},
	0xdf - 0xc0: {kind: kindMap, width: 4},
}

// skip returns the length of the value that b begins with, however deep it nests, in constant
// memory.
func skip(b []byte) (int, error) {
	at := 0
	for left := uint64(1); left > 0; left-- {
		h, err := readHead(b[at:])
		if err != nil {
			return 0, err
		}
		if uint64(len(b)-at-h.size) < h.body() {
			return 0, errShort
		}
		at += h.size + int(h.body())
		switch h.kind {
		case kindArray:
			left += h.n
		case kindMap:
			left += 2 * h.n
		}
	}
	return at, nil
}

// readString reads a str or bin; the result aliases b.
func readString(b []byte) (s []byte, size int, err error) {
	h, err := readHead(b)
	if err != nil {
		return nil, 0, err
	}
	if h.kind != kindStr && h.kind != kindBin {
		return nil, 0, malformed("%v where a string belongs", h.kind)
	}
	if uint64(len(b)-h.size) < h.n {
		return nil, 0, errShort
	}
	size = h.size + int(h.n)
	return b[h.size:size:size], size, nil
}

func isEmptyMap(b []byte) bool {
	h, err := readHead(b)
	return err == nil && (h.kind == kindMap && h.n == 0 || h.kind == kindNil)
}
