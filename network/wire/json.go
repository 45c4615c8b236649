package wire

import (
	"bytes"

	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/tidwall/gjson"
)

var (
	// ErrMalformed is wrapped by errors about bytes that are not the protocol: the connection
	// cannot go on.
	ErrMalformed = msgpack.ErrMalformed
	// ErrDepth is returned for what nests deeper than is allowed.
	ErrDepth = msgpack.ErrDepth
)

// AppendJSONString appends s as a JSON string, with bytes that are not UTF-8 written as package
// msgpack says.
func AppendJSONString(dst, s []byte) []byte { return msgpack.AppendString(dst, s) }

const (
	maxDepth = 10_000   // as encoding/json has it
	sureOf   = 64 << 10 // no text so short is too deep for the stack
)

// ValidJSON reports whether text is one JSON value. What nests deeper than 10,000 is none:
// gjson.ValidBytes takes stack for each level, of which a text of 6 MiB needs more than there is.
func ValidJSON(text []byte) bool {
	return (len(text) <= sureOf || !tooDeep(text)) && gjson.ValidBytes(text)
}

func tooDeep(text []byte) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for escaped := true; escaped; {
				n := bytes.IndexByte(text[i+1:], '"')
				if n < 0 {
					return false // it is no JSON
				}
				i += n + 1
				back := i
				for text[back-1] == '\\' {
					back--
				}
				escaped = (i-back)%2 == 1
			}
		}
	}
	return false
}
