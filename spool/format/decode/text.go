package decode

import (
	"encoding/base64"
	"errors"
	"slices"
	"unicode/utf8"
)

// leastText is the JSON that a value may become whatever its size: a schema makes much of little,
// names of fields, and values that take no bytes.
const leastText = 16 << 20

// maxText is how long the JSON of a value of n bytes may be.
func maxText(n int) int { return max(4*n, leastText) }

// errLong tells that a value is too long as JSON.
var errLong = errors.New(
	"its JSON is more than 16 MiB, and more than four times as long as the value",
)

// grown returns dst with room for the JSON of a value of n bytes. That of a large one has it at
// once: where a text grows by and by there are several of it.
func grown(dst []byte, n int) []byte {
	if 4*n < leastText {
		return dst
	}
	const over = 64 << 10 // it is noticed behind the names of a message that it is too long
	return slices.Grow(dst, maxText(n)+over)
}

// appendText appends s as a string, unless dst would become longer than most.
func appendText(dst, s []byte, most int) ([]byte, error) {
	if !utf8.Valid(s) {
		return dst, errText
	}
	// a character takes at most six
	if len(dst)+2+6*len(s) > most && len(dst)+quotedSize(s) > most {
		return dst, errLong
	}
	return AppendString(dst, s), nil
}

// quotedSize returns the length of what AppendString makes of valid UTF-8.
func quotedSize(s []byte) int {
	n := len(s) + 2
	for _, c := range s {
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

// AppendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD: callers that
// cannot have that look first.
func AppendString(dst, s []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// appendBinary appends b in base64, unless dst would become longer than most.
func appendBinary(dst, b []byte, most int) ([]byte, error) {
	if len(dst)+2+base64.StdEncoding.EncodedLen(len(b)) > most {
		return dst, errLong
	}
	return appendBase64(dst, b), nil
}

func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// appendString appends what is short, such as a name.
func appendString(dst []byte, s string) []byte { return AppendString(dst, []byte(s)) }
