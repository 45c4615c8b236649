package msgpack

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, with bytes that are not UTF-8 written as the package
// comment says.
func AppendString(dst, s []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, len(s)+2)[:at+len(s)+2]
	dst[at] = '"'
	n := copyPlain(dst[at+1:], s)
	if n == len(s) {
		dst[at+1+n] = '"'
		return dst
	}
	return append(appendEscaped(dst[:at+1+n], s[n:]), '"')
}

// jsonLength returns how long s is as a JSON string.
func jsonLength(s []byte) int {
	n := len(s) + 2
	for at := 0; at < len(s); {
		if at += Plain(s[at:]); at == len(s) {
			break
		}
		switch c := s[at]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(s[at:])
			if r == utf8.RuneError && size == 1 {
				n += 4
			}
			at += size
			continue
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			n++
		default:
			n += 5
		}
		at++
	}
	return n
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// NotPlain tells which of the eight bytes are not plain: ASCII without quotes, backslashes and
// controls, which stands in JSON as it is. The lowest bit that is set is the highest of the first
// such byte.
func NotPlain(x uint64) uint64 {
	return (x | (x - ones*0x20) | ((x ^ ones*'"') - ones) | ((x ^ ones*'\\') - ones)) & highs
}

func isPlain(c byte) bool { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' }

// Plain returns the length of the part of s that is plain.
func Plain(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if m := NotPlain(binary.LittleEndian.Uint64(s[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(s) && isPlain(s[i]) {
		i++
	}
	return i
}

// copyPlain copies the part of s that is plain to dst, which is no shorter than s, and returns its
// length. What it leaves in dst behind that is undefined.
func copyPlain(dst, s []byte) int {
	dst = dst[:len(s)]
	i := 0
	for ; i+8 <= len(s) && i+8 <= len(dst); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		if m := NotPlain(x); m != 0 {
			n := i + bits.TrailingZeros64(m)/8
			copy(dst[i:n], s[i:n])
			return n
		}
		binary.LittleEndian.PutUint64(dst[i:], x)
	}
	if i == len(s) {
		return i
	}
	if i > 0 { // the last eight bytes, some of them again
		last := len(s) - 8
		x := binary.LittleEndian.Uint64(s[last:])
		if m := NotPlain(x); m != 0 {
			n := last + bits.TrailingZeros64(m)/8
			copy(dst[i:n], s[i:n])
			return n
		}
		binary.LittleEndian.PutUint64(dst[last:], x)
		return len(s)
	}
	for i < len(s) && isPlain(s[i]) {
		dst[i] = s[i]
		i++
	}
	return i
}

// appendEscaped appends s, whose first byte is not plain.
func appendEscaped(dst, s []byte) []byte {
	for len(s) > 0 {
		switch c := s[0]; {
		case c >= utf8.RuneSelf:
			n := 0
			for n < len(s) && s[n] >= utf8.RuneSelf {
				r, size := utf8.DecodeRune(s[n:])
				if r == utf8.RuneError && size == 1 {
					break
				}
				n += size
			}
			if n > 0 {
				dst, s = append(dst, s[:n]...), s[n:]
			} else {
				dst, s = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15]), s[1:]
			}
		case c == '"', c == '\\':
			dst, s = append(dst, '\\', c), s[1:]
		case c == '\n':
			dst, s = append(dst, '\\', 'n'), s[1:]
		case c == '\r':
			dst, s = append(dst, '\\', 'r'), s[1:]
		case c == '\t':
			dst, s = append(dst, '\\', 't'), s[1:]
		case c < 0x20:
			dst, s = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15]), s[1:]
		default:
			n := Plain(s)
			dst, s = append(dst, s[:n]...), s[n:]
		}
	}
	return dst
}
