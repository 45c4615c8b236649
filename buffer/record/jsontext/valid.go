package jsontext

import (
	"bytes"

	"github.com/tidwall/gjson"
)

const (
	maxDepth = 10_000   // as encoding/json has it
	sureOf   = 64 << 10 // no text so short is too deep for the stack
)

// Valid reports whether text is one JSON value. What nests deeper than 10,000 is none:
// gjson.ValidBytes takes stack for each level, of which a text of 6 MiB needs more than there is.
func Valid(text []byte) bool {
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
