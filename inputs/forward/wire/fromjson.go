package wire

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// maxJSONDepth is how deep a value may nest to be sent as a map.
const maxJSONDepth = 256

// AppendRecord appends value as the map of a forward event: the object itself where value is the JSON text of one, and
// {"message": value} otherwise, as str where value is UTF-8 and as bin where it is not. Integers beyond 64 bits become strings of their digits; other
// numbers become doubles.
func AppendRecord(dst, value []byte) []byte {
	if i := space(value, 0); i < len(value) && value[i] == '{' {
		p := jsonParser{src: value, at: i, dst: dst}
		if p.value(maxJSONDepth) && space(value, p.at) == len(value) {
			return p.dst
		}
	}
	dst = msgp.AppendString(msgp.AppendMapHeader(dst, 1), keyValue)
	switch {
	case value == nil:
		return msgp.AppendNil(dst)
	case utf8.Valid(value):
		return msgp.AppendStringFromBytes(dst, value)
	}
	return msgp.AppendBytes(dst, value)
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// jsonParser writes JSON as msgpack in one pass. Its methods return false for anything that is not JSON.
type jsonParser struct {
	src []byte
	at  int
	dst []byte
}

// next moves to the next byte that is not white space and returns it; 0, which no JSON holds there, at the end.
func (p *jsonParser) next() byte {
	if p.at < len(p.src) && p.src[p.at] > ' ' {
		return p.src[p.at]
	}
	if p.at = space(p.src, p.at); p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *jsonParser) value(depth int) bool {
	switch p.next() {
	case '{':
		return p.container(depth, '}', true)
	case '[':
		return p.container(depth, ']', false)
	case '"':
		return p.string()
	case 't':
		return p.literal("true", 0xc3)
	case 'f':
		return p.literal("false", 0xc2)
	case 'n':
		return p.literal("null", 0xc0)
	}
	return p.number()
}

func (p *jsonParser) literal(text string, code byte) bool {
	if len(p.src)-p.at < len(text) || string(p.src[p.at:p.at+len(text)]) != text {
		return false
	}
	p.at += len(text)
	p.dst = append(p.dst, code)
	return true
}

// container reads an object or array. Its length is known only at the end; most need the one byte that is kept free for it.
func (p *jsonParser) container(depth int, end byte, object bool) bool {
	if depth == 0 {
		return false
	}
	p.at++
	start := len(p.dst)
	p.dst = append(p.dst, 0)
	n := 0
	if p.next() == end {
		p.at++
		p.setLength(start, n, object)
		return true
	}
	for {
		if object {
			if p.next() != '"' || !p.string() || p.next() != ':' {
				return false
			}
			p.at++
		}
		if !p.value(depth - 1) {
			return false
		}
		n++
		c := p.next()
		p.at++
		if c == end {
			p.setLength(start, n, object)
			return true
		}
		if c != ',' {
			return false
		}
	}
}

func (p *jsonParser) setLength(start, n int, object bool) {
	fix, long := byte(0x90), byte(0xdc)
	if object {
		fix, long = 0x80, 0xde
	}
	switch {
	case n < 16:
		p.dst[start] = fix | byte(n)
	case n <= math.MaxUint16:
		p.dst = append(p.dst, 0, 0)
		copy(p.dst[start+3:], p.dst[start+1:])
		p.dst[start] = long
		binary.BigEndian.PutUint16(p.dst[start+1:], uint16(n))
	default:
		p.dst = append(p.dst, 0, 0, 0, 0)
		copy(p.dst[start+5:], p.dst[start+1:])
		p.dst[start] = long + 1
		binary.BigEndian.PutUint32(p.dst[start+1:], uint32(n))
	}
}

func (p *jsonParser) string() bool {
	s := p.src[p.at+1:]
	n := plain(s)
	if n < len(s) && s[n] == '"' {
		p.dst = msgp.AppendStringFromBytes(p.dst, s[:n])
		p.at += n + 2
		return true
	}
	end := n
	escaped := false
	for ; end < len(s) && s[end] != '"'; end++ {
		switch c := s[end]; {
		case c == '\\':
			escaped = true
			end++
		case c < 0x20:
			return false
		}
	}
	if end >= len(s) || !utf8.Valid(s[:end]) {
		return false
	}
	p.at += end + 2
	if !escaped {
		p.dst = msgp.AppendStringFromBytes(p.dst, s[:end])
		return true
	}
	text, ok := unescape(make([]byte, 0, end), s[:end])
	p.dst = msgp.AppendStringFromBytes(p.dst, text)
	return ok
}

func unescape(dst, s []byte) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case '"', '\\', '/':
			dst = append(dst, s[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(s[i+1:])
			if !ok {
				return dst, false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if len(s) > i+2 && s[i+1] == '\\' && s[i+2] == 'u' {
					low, ok = hex4(s[i+3:])
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r, i = pair, i+6
				} else {
					return dst, false // half a pair has no place in UTF-8: the text is kept as it is instead
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
	return dst, true
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(v), err == nil
}

func (p *jsonParser) number() bool {
	if p.short() {
		return true
	}
	start, integer := p.at, true
	for p.at < len(p.src) {
		c := p.src[p.at]
		if c == '.' || c == 'e' || c == 'E' || c == '+' {
			integer = false
		} else if (c < '0' || c > '9') && c != '-' {
			break
		}
		p.at++
	}
	raw := p.src[start:p.at]
	if len(raw) == 0 || !json.Valid(raw) {
		return false
	}
	text := unsafe.String(unsafe.SliceData(raw), len(raw))
	if integer {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			p.dst = msgp.AppendInt64(p.dst, v)
			return true
		}
		if v, err := strconv.ParseUint(text, 10, 64); err == nil {
			p.dst = msgp.AppendUint64(p.dst, v)
			return true
		}
		p.dst = msgp.AppendString(p.dst, text)
		return true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // beyond a double's range
		p.dst = msgp.AppendString(p.dst, text)
		return true
	}
	p.dst = msgp.AppendFloat64(p.dst, f)
	return true
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// short reads a number of up to 15 digits without sign and exponent. Both its digits and their power of ten are exact as doubles, so that their
// quotient is the double nearest to the number.
func (p *jsonParser) short() bool {
	const most = 15
	i, v, point := p.at, uint64(0), -1
	for ; i < len(p.src) && i-p.at <= most+1; i++ {
		c := p.src[i]
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c -= '0'; c > 9 {
			break
		}
		v = v*10 + uint64(c)
	}
	digits := i - p.at
	if point >= 0 {
		digits--
	}
	switch {
	case digits == 0 || digits > most, point == p.at, point == i-1: // ".5" and "5." are no numbers
		return false
	case p.src[p.at] == '0' && i-p.at > 1 && point != p.at+1: // nor is "05"
		return false
	case i < len(p.src) && (p.src[i] == 'e' || p.src[i] == 'E' || p.src[i] == '.' || p.src[i] == '+' || p.src[i] == '-' || p.src[i]-'0' <= 9):
		return false
	}
	if point < 0 {
		p.dst = msgp.AppendUint64(p.dst, v)
	} else {
		p.dst = msgp.AppendFloat64(p.dst, float64(v)/tens[i-1-point])
	}
	p.at = i
	return true
}
