package format

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// validJSON reports whether src is one JSON text as root takes it. It is the quick way for what is
// nearly always fine: explain says what is wrong.
func validJSON(src []byte) bool {
	_, ok := inspect(src)
	return ok
}

// traits tell what of a JSON text needs more than a look.
type traits struct {
	breaks  bool // there may be line breaks between its tokens
	escapes bool // there may be escapes in its strings
}

// inspect reports whether src is one JSON text, and what was seen on the only way through it.
func inspect(src []byte) (traits, bool) {
	p := inspection{src: src}
	i := p.space(0)
	if i < len(src) && (src[i] == '{' || src[i] == '[') {
		i = p.nested(i, 0)
	} else {
		p.escapes, p.beyond = true, true
		i = skipValue(src, i, 0)
	}
	ok := i > 0 && p.space(i) == len(src) && (!p.beyond || utf8.Valid(src))
	return p.traits, ok
}

// inspection is the way through a JSON text. Objects and arrays of plain strings, numbers and
// literals are gone through in one loop.
type inspection struct {
	src []byte
	traits
	beyond bool // a byte may be beyond ASCII
}

// space returns the index after white space from i on.
func (p *inspection) space(i int) int {
	for ; i < len(p.src); i++ {
		switch p.src[i] {
		case '\n', '\r':
			p.breaks = true
		case ' ', '\t':
		default:
			return i
		}
	}
	return i
}

// rest returns the index after a string that is plain up to i, or -1.
func (p *inspection) rest(i int) int {
	p.beyond = true
	next, escaped := scanString(p.src, i-1) // as if it began there
	p.escapes = p.escapes || escaped
	return next
}

// nested returns the index after the object or array at i, or -1.
func (p *inspection) nested(i, depth int) int {
	src := p.src
	object := src[i] == '{'
	end := src[i] + 2 // what closes it
	if i = p.space(i + 1); i < len(src) && src[i] == end {
		return i + 1
	}
	if depth >= maxDepth {
		return -1
	}
	name := object // of a member comes next
	for i < len(src) {
		switch c := src[i]; {
		case c == '"':
			i++
			found := uint64(0)
			for ; i+8 <= len(src); i += 8 {
				w := binary.LittleEndian.Uint64(src[i : i+8 : i+8])
				if found = unplain(w); found != 0 {
					break
				}
			}
			if found == 0 {
				found = unplain(lastBytes(src, i))
			}
			if i += bits.TrailingZeros64(found) / 8; i >= len(src) {
				return -1
			}
			if src[i] == '"' {
				i++
			} else if i = p.rest(i); i < 0 {
				return -1
			}
			if name {
				if name = false; i < len(src) && src[i] <= ' ' {
					i = p.space(i)
				}
				if i >= len(src) || src[i] != ':' {
					return -1
				}
				if i++; i < len(src) && src[i] <= ' ' {
					i = p.space(i)
				}
				continue
			}
		case name:
			return -1
		case c-'1' < 9:
			whole := i
			for i++; i < len(src) && src[i]-'0' <= 9; i++ {
			}
			if i < len(src) && (src[i] == '.' || src[i]|0x20 == 'e') {
				if i = skipNumber(src, whole); i < 0 {
					return -1
				}
			}
		case c == '{' || c == '[':
			if i = p.nested(i, depth+1); i < 0 {
				return -1
			}
		default:
			if i = skipValue(src, i, depth+1); i < 0 {
				return -1
			}
		}
		if i < len(src) && src[i] <= ' ' {
			i = p.space(i)
		}
		if i >= len(src) {
			return -1
		}
		switch src[i] {
		case end:
			return i + 1
		case ',':
		default:
			return -1
		}
		if i++; i < len(src) && src[i] <= ' ' {
			i = p.space(i)
		}
		name = object
	}
	return -1
}

func skipSpace(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value at i, or -1.
func skipValue(src []byte, i, depth int) int {
	if i >= len(src) || depth > maxDepth {
		return -1
	}
	switch c := src[i]; c {
	case '"':
		return skipString(src, i)
	case '{', '[':
		return skipNested(src, i, depth)
	case 't':
		return skipLiteral(src, i, "true")
	case 'f':
		return skipLiteral(src, i, "false")
	case 'n':
		return skipLiteral(src, i, "null")
	}
	return skipNumber(src, i)
}

func skipNested(src []byte, i, depth int) int {
	object := src[i] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	if i = skipSpace(src, i+1); i < len(src) && src[i] == end {
		return i + 1
	}
	for {
		if object {
			if i >= len(src) || src[i] != '"' {
				return -1
			}
			if i = skipString(src, i); i < 0 {
				return -1
			}
			if i = skipSpace(src, i); i >= len(src) || src[i] != ':' {
				return -1
			}
			i = skipSpace(src, i+1)
		}
		if i = skipValue(src, i, depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(src, i); i >= len(src) {
			return -1
		}
		switch src[i] {
		case end:
			return i + 1
		case ',':
			i = skipSpace(src, i+1)
		default:
			return -1
		}
	}
}

func skipString(src []byte, i int) int {
	next, _ := scanString(src, i)
	return next
}

// scanString returns the index after the string at i, or -1, and whether it holds escapes.
func scanString(src []byte, i int) (next int, escaped bool) {
	for i++; ; i++ {
		if i = skipOrdinary(src, i); i >= len(src) || src[i] < ' ' {
			return -1, escaped
		}
		if src[i] == '"' {
			return i + 1, escaped
		}
		escaped = true
		if i++; i >= len(src) { // a backslash
			return -1, escaped
		}
		switch src[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if i++; i >= len(src) || !isHex(src[i]) {
					return -1, escaped
				}
			}
		default:
			return -1, escaped
		}
	}
}

func skipLiteral(src []byte, i int, s string) int {
	if len(src)-i < len(s) || string(src[i:i+len(s)]) != s {
		return -1
	}
	return i + len(s)
}

func skipNumber(src []byte, i int) int {
	if i < len(src) && src[i] == '-' {
		i++
	}
	if i < len(src) && src[i] == '0' {
		i++
	} else if i = skipDigits(src, i); i < 0 {
		return -1
	}
	if i < len(src) && src[i] == '.' {
		if i = skipDigits(src, i+1); i < 0 {
			return -1
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		return skipDigits(src, i)
	}
	return i
}

// skipDigits returns the index after at least one digit, or -1.
func skipDigits(src []byte, i int) int {
	start := i
	for i < len(src) && src[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
