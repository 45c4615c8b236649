package msgpack

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrShort tells that a value goes on beyond the bytes at hand.
	ErrShort = errors.New("message ends too soon")
	// ErrMalformed is wrapped by errors about bytes that are not the protocol: the connection
	// cannot go on.
	ErrMalformed = errors.New("malformed message")
	// ErrDepth is returned for what nests deeper than is allowed.
	ErrDepth = errors.New("nested too deep")
	// ErrLong is returned for a value whose text is longer than is allowed.
	ErrLong = errors.New("too long as JSON")
)

// Malformed returns an error that wraps ErrMalformed.
func Malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Kind is what a value is.
type Kind uint8

const (
	Invalid Kind = iota
	Nil
	False
	True
	Int
	Uint
	Float32
	Float64
	Str
	Bin
	Ext
	Array
	Map
)

var names = [...]string{
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

func (k Kind) String() string { return names[k] }

// Head is the first part of a msgpack value: all of a scalar, and the length of the rest.
type Head struct {
	Kind Kind
	Ext  int8
	Size int    // bytes of the head itself
	N    uint64 // length in bytes, or elements; the bits of a number
}

// Body returns how many bytes of payload follow the head; elements of arrays and maps do not count.
func (h *Head) Body() uint64 {
	switch h.Kind {
	case Str, Bin, Ext:
		return h.N
	}
	return 0
}

// ReadHead reads the head of the value that b begins with.
func ReadHead(b []byte) (Head, error) {
	if len(b) == 0 {
		return Head{}, ErrShort
	}
	c := b[0]
	switch {
	case c < 0x80:
		return Head{Kind: Int, Size: 1, N: uint64(c)}, nil
	case c < 0x90:
		return Head{Kind: Map, Size: 1, N: uint64(c & 0x0f)}, nil
	case c < 0xa0:
		return Head{Kind: Array, Size: 1, N: uint64(c & 0x0f)}, nil
	case c < 0xc0:
		return Head{Kind: Str, Size: 1, N: uint64(c & 0x1f)}, nil
	case c >= 0xe0:
		return Head{Kind: Int, Size: 1, N: uint64(int64(int8(c)))}, nil
	}
	f := &forms[c-0xc0]
	if f.kind == Invalid {
		return Head{}, Malformed("byte %#x", c)
	}
	h := Head{Kind: f.kind, Size: 1 + int(f.width)}
	if f.kind == Ext {
		h.Size++
	}
	if len(b) < h.Size {
		return Head{}, ErrShort
	}
	switch f.width {
	case 1:
		h.N = uint64(b[1])
	case 2:
		h.N = uint64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		h.N = uint64(binary.BigEndian.Uint32(b[1:]))
	case 8:
		h.N = binary.BigEndian.Uint64(b[1:])
	}
	switch {
	case f.kind == Ext:
		h.Ext = int8(b[h.Size-1])
		if f.width == 0 {
			h.N = uint64(f.fixed)
		}
	case f.signed:
		h.N = signExtend(h.N, f.width)
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
	kind   Kind
	width  uint8 // bytes of length or number after the lead byte
	fixed  uint8 // payload of a fixext
	signed bool
}

var forms = [32]form{
	0:           {kind: Nil},
	0xc2 - 0xc0: {kind: False},
	0xc3 - 0xc0: {kind: True},
	0xc4 - 0xc0: {kind: Bin, width: 1},
	0xc5 - 0xc0: {kind: Bin, width: 2},
	0xc6 - 0xc0: {kind: Bin, width: 4},
	0xc7 - 0xc0: {kind: Ext, width: 1},
	0xc8 - 0xc0: {kind: Ext, width: 2},
	0xc9 - 0xc0: {kind: Ext, width: 4},
	0xca - 0xc0: {kind: Float32, width: 4},
	0xcb - 0xc0: {kind: Float64, width: 8},
	0xcc - 0xc0: {kind: Uint, width: 1},
	0xcd - 0xc0: {kind: Uint, width: 2},
	0xce - 0xc0: {kind: Uint, width: 4},
	0xcf - 0xc0: {kind: Uint, width: 8},
	0xd0 - 0xc0: {kind: Int, width: 1, signed: true},
	0xd1 - 0xc0: {kind: Int, width: 2, signed: true},
	0xd2 - 0xc0: {kind: Int, width: 4, signed: true},
	0xd3 - 0xc0: {kind: Int, width: 8, signed: true},
	0xd4 - 0xc0: {kind: Ext, fixed: 1},
	0xd5 - 0xc0: {kind: Ext, fixed: 2},
	0xd6 - 0xc0: {kind: Ext, fixed: 4},
	0xd7 - 0xc0: {kind: Ext, fixed: 8},
	0xd8 - 0xc0: {kind: Ext, fixed: 16},
	0xd9 - 0xc0: {kind: Str, width: 1},
	0xda - 0xc0: {kind: Str, width: 2},
	0xdb - 0xc0: {kind: Str, width: 4},
	0xdc - 0xc0: {kind: Array, width: 2},
	0xdd - 0xc0: {kind: Array, width: 4},
	0xde - 0xc0: {kind: Map, width: 2},
	0xdf - 0xc0: {kind: Map, width: 4},
}

// Skip returns the length of the value that b begins with, however deep it nests, in constant
// memory.
func Skip(b []byte) (int, error) {
	at := 0
	for left := uint64(1); left > 0; left-- {
		h, err := ReadHead(b[at:])
		if err != nil {
			return 0, err
		}
		if uint64(len(b)-at-h.Size) < h.Body() {
			return 0, ErrShort
		}
		at += h.Size + int(h.Body())
		switch h.Kind {
		case Array:
			left += h.N
		case Map:
			left += 2 * h.N
		}
	}
	return at, nil
}

// ReadString reads a str or bin; the result aliases b.
func ReadString(b []byte) (s []byte, size int, err error) {
	h, err := ReadHead(b)
	if err != nil {
		return nil, 0, err
	}
	if h.Kind != Str && h.Kind != Bin {
		return nil, 0, Malformed("%v where a string belongs", h.Kind)
	}
	if uint64(len(b)-h.Size) < h.N {
		return nil, 0, ErrShort
	}
	size = h.Size + int(h.N)
	return b[h.Size:size:size], size, nil
}

// IsEmptyMap reports whether b begins with a map without entries, or nil.
func IsEmptyMap(b []byte) bool {
	h, err := ReadHead(b)
	return err == nil && (h.Kind == Map && h.N == 0 || h.Kind == Nil)
}
