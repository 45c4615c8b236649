package msgpacktest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// Map returns a map nested up to depth deep.
func Map(rng *rand.Rand, depth int) []byte { return appendMap(nil, rng, depth) }

func appendMap(b []byte, rng *rand.Rand, depth int) []byte {
	n := rng.IntN(6)
	switch rng.IntN(4) {
	case 0:
		b = append(b, 0xde, 0, byte(n))
	case 1:
		b = append(b, 0xdf, 0, 0, 0, byte(n))
	default:
		b = append(b, 0x80|byte(n))
	}
	for i := range n {
		switch {
		case i > 0 && rng.IntN(8) == 0:
			b = append(b, "\xa3key"...) // repeated
		case rng.IntN(10) == 0:
			b = appendValue(b, rng, min(depth-1, 1)) // no string, mostly
		default:
			b = appendText(b, rng)
		}
		b = appendValue(b, rng, depth-1)
	}
	return b
}

func appendValue(b []byte, rng *rand.Rand, depth int) []byte {
	kinds := 10
	if depth > 0 {
		kinds += 2
	}
	switch rng.IntN(kinds) {
	case 0:
		return append(b, []byte{0xc0, 0xc2, 0xc3}[rng.IntN(3)])
	case 1:
		return append(b, byte(rng.Uint32()&0x7f|uint32(rng.IntN(2))*0xe0)) // fixint
	case 2, 3:
		return appendInt(b, rng)
	case 4:
		bits := rng.Uint32()
		if rng.IntN(2) == 0 {
			bits = math.Float32bits(float32(rng.NormFloat64()))
		}
		return binary.BigEndian.AppendUint32(append(b, 0xca), bits)
	case 5:
		bits := rng.Uint64()
		if rng.IntN(2) == 0 {
			bits = math.Float64bits(rng.NormFloat64())
		}
		return binary.BigEndian.AppendUint64(append(b, 0xcb), bits)
	case 6, 7:
		return appendText(b, rng)
	case 8:
		return appendBin(b, rng)
	case 9:
		return appendExt(b, rng)
	case 10:
		return appendMap(b, rng, depth)
	}
	n := rng.IntN(5)
	switch rng.IntN(3) {
	case 0:
		b = append(b, 0xdc, 0, byte(n))
	case 1:
		b = append(b, 0xdd, 0, 0, 0, byte(n))
	default:
		b = append(b, 0x90|byte(n))
	}
	for range n {
		b = appendValue(b, rng, depth-1)
	}
	return b
}

// appendInt appends an integer of any width, beyond 2^53 too.
func appendInt(b []byte, rng *rand.Rand) []byte {
	v := rng.Uint64() >> rng.IntN(64)
	switch code := 0xcc + byte(rng.IntN(8)); code {
	case 0xcc, 0xd0:
		return append(b, code, byte(v))
	case 0xcd, 0xd1:
		return binary.BigEndian.AppendUint16(append(b, code), uint16(v))
	case 0xce, 0xd2:
		return binary.BigEndian.AppendUint32(append(b, code), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, code), v)
	}
}

// appendText appends a str, which may not be UTF-8.
func appendText(b []byte, rng *rand.Rand) []byte {
	s := make([]byte, rng.IntN(32))
	for i := range s {
		s[i] = byte('a' + rng.IntN(26))
		if rng.IntN(20) == 0 {
			s[i] = byte(rng.Uint32())
		}
	}
	switch rng.IntN(5) {
	case 0:
		b = append(b, 0xd9, byte(len(s)))
	case 1:
		b = append(b, 0xda, 0, byte(len(s)))
	case 2:
		b = append(b, 0xdb, 0, 0, 0, byte(len(s)))
	default:
		b = append(b, 0xa0|byte(len(s)))
	}
	return append(b, s...)
}

func appendBin(b []byte, rng *rand.Rand) []byte {
	p := bytes(rng, rng.IntN(40))
	switch rng.IntN(3) {
	case 0:
		b = append(b, 0xc4, byte(len(p)))
	case 1:
		b = append(b, 0xc5, 0, byte(len(p)))
	default:
		b = append(b, 0xc6, 0, 0, 0, byte(len(p)))
	}
	return append(b, p...)
}

// appendExt appends an extension of any type, among them EventTime and the timestamp.
func appendExt(b []byte, rng *rand.Rand) []byte {
	kind := []byte{0, 0xff, byte(rng.Uint32())}[rng.IntN(3)]
	if i := rng.IntN(10); i < 5 {
		return append(append(b, 0xd4+byte(i), kind), bytes(rng, 1<<i)...)
	}
	p := bytes(rng, []int{0, 4, 8, 12, 1 + rng.IntN(30)}[rng.IntN(5)])
	switch rng.IntN(3) {
	case 0:
		b = append(b, 0xc7, byte(len(p)), kind)
	case 1:
		b = append(b, 0xc8, 0, byte(len(p)), kind)
	default:
		b = append(b, 0xc9, 0, 0, 0, byte(len(p)), kind)
	}
	return append(b, p...)
}

func bytes(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}
