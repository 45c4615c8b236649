package wire

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// maxJSONDepth is how deep a value may nest to be sent as a map.
const maxJSONDepth = 256

// AppendRecord appends value as the map of a forward event. That is the object itself where value
// is the JSON text of one, and {"message": value} otherwise, as str where value is UTF-8 and as bin
// where it is not. Integers beyond 64 bits become strings of their digits; other numbers become
// doubles.
func AppendRecord(dst, value []byte) []byte {
	if i := space(value, 0); i < len(value) && value[i] == '{' {
		p := jsonParser{src: value, dst: dst}
		if end := p.value(i, maxJSONDepth); end >= 0 && space(value, end) == len(value) {
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

// jsonParser writes JSON as msgpack in one pass. Its methods take the place in src where something
// begins, and return where it ends: not JSON if that is negative.
type jsonParser struct {
	src []byte
	dst []byte
}

const notJSON = -1

// next returns the place of the next byte that is not white space, at the end that of src.
func (p *jsonParser) next(at int) int {
	if at < len(p.src) && p.src[at] > ' ' {
		return at
	}
	return space(p.src, at)
}

// is reports whether c stands at that place.
func (p *jsonParser) is(at int, c byte) bool { return at < len(p.src) && p.src[at] == c }

func (p *jsonParser) value(at, depth int) int {
	if at = p.next(at); at >= len(p.src) {
		return notJSON
	}
	switch p.src[at] {
	case '{':
		return p.container(at, depth, '}', true)
	case '[':
		return p.container(at, depth, ']', false)
	case '"':
		return p.string(at)
	case 't':
		return p.literal(at, "true", 0xc3)
	case 'f':
		return p.literal(at, "false", 0xc2)
	case 'n':
		return p.literal(at, "null", 0xc0)
	}
	return p.number(at)
}

func (p *jsonParser) literal(at int, text string, code byte) int {
	end := at + len(text)
	if end > len(p.src) || string(p.src[at:end]) != text {
		return notJSON
	}
	p.dst = append(p.dst, code)
	return end
}

// container reads an object or array. Its length is known only at the end; most need the one byte
// that is kept free for it.
func (p *jsonParser) container(at, depth int, end byte, object bool) int {
	if depth == 0 {
		return notJSON
	}
	start := len(p.dst)
	p.dst = append(p.dst, 0)
	n := 0
	if at = p.next(at + 1); p.is(at, end) {
		p.setLength(start, n, object)
		return at + 1
	}
	for {
		if object {
			if at = p.next(at); !p.is(at, '"') {
				return notJSON
			}
			if at = p.string(at); at < 0 {
				return notJSON
			}
			if at = p.next(at); !p.is(at, ':') {
				return notJSON
			}
			at++
		}
		if at = p.value(at, depth-1); at < 0 {
			return notJSON
		}
		n++
		at = p.next(at)
		switch {
		case p.is(at, ','):
			at++
		case p.is(at, end):
			p.setLength(start, n, object)
			return at + 1
		default:
			return notJSON
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

func (p *jsonParser) string(at int) int {
	at++
	if l := len(p.dst); at+8 <= len(p.src) && l+9 <= cap(p.dst) {
		x := binary.LittleEndian.Uint64(p.src[at:])
		// as names are: what is copied too much is overwritten
		if n := bits.TrailingZeros64(msgpack.NotPlain(x)) / 8; n < 8 && p.src[at+n] == '"' {
			dst := p.dst[: l+9 : cap(p.dst)]
			dst[l] = 0xa0 | byte(n)
			binary.LittleEndian.PutUint64(dst[l+1:], x)
			p.dst = dst[:l+1+n]
			return at + n + 1
		}
	}
	s := p.src[at:]
	n := msgpack.Plain(s)
	if n < len(s) && s[n] == '"' {
		p.dst = msgp.AppendStringFromBytes(p.dst, s[:n])
		return at + n + 1
	}
	end := n
	escaped := false
	for ; end < len(s) && s[end] != '"'; end++ {
		switch c := s[end]; {
		case c == '\\':
			escaped = true
			end++
		case c < 0x20:
			return notJSON
		}
	}
	if end >= len(s) || !utf8.Valid(s[:end]) {
		return notJSON
	}
	if !escaped {
		p.dst = msgp.AppendStringFromBytes(p.dst, s[:end])
		return at + end + 1
	}
	text, ok := unescape(make([]byte, 0, end), s[:end])
	if !ok {
		return notJSON
	}
	p.dst = msgp.AppendStringFromBytes(p.dst, text)
	return at + end + 1
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
					// half a pair has no place in UTF-8: the text is kept as it is instead
					return dst, false
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

func (p *jsonParser) number(at int) int {
	if end := p.short(at); end > at {
		return end
	}
	end, integer := at, true
	for end < len(p.src) {
		c := p.src[end]
		if c == '.' || c == 'e' || c == 'E' || c == '+' {
			integer = false
		} else if (c < '0' || c > '9') && c != '-' {
			break
		}
		end++
	}
	raw := p.src[at:end]
	if len(raw) == 0 || !json.Valid(raw) {
		return notJSON
	}
	text := unsafe.String(unsafe.SliceData(raw), len(raw))
	if integer {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			p.dst = msgp.AppendInt64(p.dst, v)
		} else if v, err := strconv.ParseUint(text, 10, 64); err == nil {
			p.dst = msgp.AppendUint64(p.dst, v)
		} else {
			p.dst = msgp.AppendString(p.dst, text)
		}
		return end
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // beyond a double's range
		p.dst = msgp.AppendString(p.dst, text)
	} else {
		p.dst = msgp.AppendFloat64(p.dst, f)
	}
	return end
}

var tens = [...]float64{
	1,
	1e1,
	1e2,
	1e3,
	1e4,
	1e5,
	1e6,
	1e7,
	1e8,
	1e9,
	1e10,
	1e11,
	1e12,
	1e13,
	1e14,
	1e15,
}

// short reads a number of up to 15 digits without sign and exponent, and returns at for any other.
// Both its digits and their power of ten are exact as doubles, so that their quotient is the double
// nearest to the number.
func (p *jsonParser) short(at int) int {
	const most = 15
	i, v, point := at, uint64(0), -1
	for ; i < len(p.src) && i-at <= most+1; i++ {
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
	digits := i - at
	if point >= 0 {
		digits--
	}
	switch {
	case digits == 0 || digits > most, point == at, point == i-1: // ".5" and "5." are no numbers
		return at
	case p.src[at] == '0' && i-at > 1 && point != at+1: // nor is "05"
		return at
	case i < len(p.src) && (p.src[i] == 'e' || p.src[i] == 'E' || p.src[i] == '.' ||
		p.src[i] == '+' || p.src[i] == '-' || p.src[i]-'0' <= 9):
		return at
	}
	if point < 0 {
		p.dst = msgp.AppendUint64(p.dst, v)
	} else {
		p.dst = msgp.AppendFloat64(p.dst, float64(v)/tens[i-1-point])
	}
	return i
}
