package decode

import (
	"bytes"
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
	return appendQuoted(dst, s), nil
}

// escapes are the characters that a backslash stands before, by what stands behind it then.
var escapes = [256]byte{
	'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't',
}

// quotedSize returns the length of what appendQuoted appends.
func quotedSize(s []byte) int {
	n := len(s) + 2
	for _, c := range s {
		if escapes[c] != 0 {
			n++
		} else if c < ' ' {
			n += 5
		}
	}
	return n
}

// appendQuoted appends s, which is valid UTF-8, as a string of JSON.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i, c := range s {
		if c >= ' ' && escapes[c] == 0 {
			continue
		}
		dst = append(dst, s[done:i]...)
		if done = i + 1; escapes[c] != 0 {
			dst = append(dst, '\\', escapes[c])
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[done:]...), '"')
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
func appendString(dst []byte, s string) []byte {
	return appendQuoted(dst, bytes.ToValidUTF8([]byte(s), []byte("\ufffd")))
}
