package msgpack

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// transcoder writes msgpack values as JSON. Its methods take the place in src where something
// begins, and return where it ends; one that has failed is not usable any more.
type transcoder struct {
	src   []byte
	dst   []byte
	depth int // nesting still allowed
	most  int // bytes of dst; 0 for any number
}

// AppendJSON appends the JSON text of the msgpack value that src begins with, nested at most depth
// deep, and returns what follows the value. See the package comment for what becomes of values that
// JSON lacks.
func AppendJSON(dst, src []byte, depth int) (out, rest []byte, err error) {
	t := transcoder{src: src, dst: dst, depth: depth}
	end, err := t.value(0)
	if err != nil {
		return dst, src, err
	}
	return t.dst, src[end:], nil
}

// Transcode is AppendJSON for the value at a place in src, giving up with ErrLong where out would
// be longer than most bytes, and returns where the value ends. What is returned with an error is of
// no use but for its memory.
func Transcode(dst, src []byte, at, depth, most int) (out []byte, end int, err error) {
	t := transcoder{src: src, dst: dst, depth: depth, most: most}
	end, err = t.value(at)
	return t.dst, end, err
}

// AppendJSONWithin is AppendJSON, giving up with ErrLong where out would be longer than most bytes:
// a msgpack value of one byte may be text of six.
func AppendJSONWithin(dst, src []byte, depth, most int) (out, rest []byte, err error) {
	t := transcoder{src: src, dst: dst, depth: depth, most: most}
	end, err := t.value(0)
	if err == nil && len(t.dst) > most {
		err = ErrLong
	}
	if err != nil {
		return t.dst[:len(dst)], src, err
	}
	return t.dst, src[end:], nil
}

// long reports whether text of n bytes more may be beyond the limit, in the worst of cases.
func (t *transcoder) long(n uint64) bool {
	return t.most > 0 && n > uint64(max(t.most-len(t.dst), 0))/6
}

func (t *transcoder) value(at int) (int, error) {
	if at < len(t.src) { // the most frequent forms, without a head
		switch c := t.src[at]; {
		case c < 0x80:
			t.dst = strconv.AppendUint(t.dst, uint64(c), 10)
			return at + 1, nil
		case c >= 0xa0 && c < 0xc0:
			return t.text(at+1, uint64(c&0x1f))
		case c == 0xd9 && at+1 < len(t.src): // str8
			return t.text(at+2, uint64(t.src[at+1]))
		case c >= 0x80 && c < 0x90:
			return t.object(at+1, uint64(c&0x0f))
		case c == 0xcb && at+9 <= len(t.src): // float64
			f := math.Float64frombits(binary.BigEndian.Uint64(t.src[at+1:]))
			t.dst = appendFloat(t.dst, f, 64)
			return at + 9, nil
		}
	}
	h, err := ReadHead(t.src[at:])
	if err != nil {
		return 0, err
	}
	at += h.Size
	switch h.Kind {
	case Nil:
		t.dst = append(t.dst, "null"...)
	case False:
		t.dst = append(t.dst, "false"...)
	case True:
		t.dst = append(t.dst, "true"...)
	case Int:
		t.dst = strconv.AppendInt(t.dst, int64(h.N), 10)
	case Uint:
		t.dst = strconv.AppendUint(t.dst, h.N, 10)
	case Float32:
		t.dst = appendFloat(t.dst, float64(math.Float32frombits(uint32(h.N))), 32)
	case Float64:
		t.dst = appendFloat(t.dst, math.Float64frombits(h.N), 64)
	case Str, Bin:
		return t.text(at, h.N)
	case Ext:
		if h.N > uint64(len(t.src)-at) {
			return 0, ErrShort
		}
		if t.long(h.N) && int(h.N)*4/3 > t.most-len(t.dst) {
			return 0, ErrLong
		}
		end := at + int(h.N)
		t.dst = appendExt(t.dst, h.Ext, t.src[at:end])
		return end, nil
	case Array:
		return t.array(at, h.N)
	case Map:
		return t.object(at, h.N)
	}
	return at, nil
}

// text appends the string of n bytes that begins at that place.
func (t *transcoder) text(at int, n uint64) (int, error) {
	if n > uint64(len(t.src)-at) {
		return 0, ErrShort
	}
	if l := len(t.dst); n <= 8 && at+8 <= len(t.src) && l+10 <= cap(t.dst) {
		x := binary.LittleEndian.Uint64(t.src[at:])
		if NotPlain(x)&(1<<(8*n)-1) == 0 { // as names are: what is copied too much is overwritten
			dst := t.dst[:l+10]
			dst[l] = '"'
			binary.LittleEndian.PutUint64(dst[l+1:], x)
			dst[l+1+int(n)] = '"'
			t.dst = dst[:l+2+int(n)]
			return at + int(n), nil
		}
	}
	end := at + int(n)
	if t.long(n) && jsonLength(t.src[at:end]) > t.most-len(t.dst) {
		return 0, ErrLong
	}
	t.dst = AppendString(t.dst, t.src[at:end])
	return end, nil
}

func (t *transcoder) array(at int, n uint64) (int, error) {
	if t.depth--; t.depth < 0 {
		return 0, ErrDepth
	}
	t.dst = append(t.dst, '[')
	for i := range n {
		if i > 0 {
			t.dst = append(t.dst, ',')
		}
		if t.most > 0 && len(t.dst) > t.most {
			return 0, ErrLong
		}
		var err error
		if at, err = t.value(at); err != nil {
			return 0, err
		}
	}
	t.dst = append(t.dst, ']')
	t.depth++
	return at, nil
}

func (t *transcoder) object(at int, n uint64) (int, error) {
	if t.depth--; t.depth < 0 {
		return 0, ErrDepth
	}
	t.dst = append(t.dst, '{')
	for i := range n {
		if i > 0 {
			t.dst = append(t.dst, ',')
		}
		if t.most > 0 && len(t.dst) > t.most {
			return 0, ErrLong
		}
		var err error
		if at, err = t.key(at); err != nil {
			return 0, err
		}
		t.dst = append(t.dst, ':')
		if at, err = t.value(at); err != nil {
			return 0, err
		}
	}
	t.dst = append(t.dst, '}')
	t.depth++
	return at, nil
}

// key writes the next value as an object's key: as it is when it becomes a string, else its JSON
// text in a string.
func (t *transcoder) key(at int) (int, error) {
	if at < len(t.src) {
		if c := t.src[at]; c >= 0xa0 && c < 0xc0 {
			return t.text(at+1, uint64(c&0x1f))
		}
	}
	start := len(t.dst)
	end, err := t.value(at)
	if err != nil {
		return 0, err
	}
	if t.dst[start] != '"' {
		text := string(t.dst[start:])
		t.dst = AppendString(t.dst[:start], []byte(text))
		// A map as a key within a key, and so on: its quotes take twice the room at each depth.
		if len(t.dst)-start > keyGrowth*(end-at)+keyLength {
			return 0, ErrDepth
		}
	}
	return end, nil
}

// The text of a key that is no string is at most keyGrowth times as long as the key, and keyLength
// more.
const (
	keyGrowth = 8
	keyLength = 64
)

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	if bits == 64 && math.Abs(f) < 1e9 {
		if out, ok := appendShort(dst, f); ok {
			return out
		}
	}
	start := len(dst)
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, '.', '0') // so that it stays a float for who tells them apart
}

// appendShort appends a number with at most three decimals. A decimal number of up to 15 digits is
// the shortest form of the double nearest to it, and the division, which is rounded correctly,
// reports whether f is that double.
func appendShort(dst []byte, f float64) (out []byte, ok bool) {
	const scale = 1000
	m := int64(math.RoundToEven(f * scale))
	if float64(m)/scale != f || m == 0 {
		return dst, false
	}
	if m < 0 {
		dst = append(dst, '-')
		m = -m
	}
	dst = strconv.AppendInt(dst, m/scale, 10)
	rest := m % scale
	dst = append(dst, '.', byte('0'+rest/100))
	if rest%100 != 0 {
		dst = append(dst, byte('0'+rest/10%10))
		if rest%10 != 0 {
			dst = append(dst, byte('0'+rest%10))
		}
	}
	return dst, true
}

func appendExt(dst []byte, typ int8, p []byte) []byte {
	switch {
	case typ == 0 && len(p) == 8:
		return appendSeconds(dst, int64(binary.BigEndian.Uint32(p)), binary.BigEndian.Uint32(p[4:]))
	case typ == -1 && len(p) == 4:
		return appendSeconds(dst, int64(binary.BigEndian.Uint32(p)), 0)
	case typ == -1 && len(p) == 8:
		v := binary.BigEndian.Uint64(p)
		return appendSeconds(dst, int64(v&(1<<34-1)), uint32(v>>34))
	case typ == -1 && len(p) == 12:
		return appendSeconds(dst, int64(binary.BigEndian.Uint64(p[4:])), binary.BigEndian.Uint32(p))
	}
	dst = append(dst, `{"ext":`...)
	dst = strconv.AppendInt(dst, int64(typ), 10)
	dst = append(dst, `,"data":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, p)
	return append(dst, `"}`...)
}

func appendSeconds(dst []byte, s int64, ns uint32) []byte {
	s += int64(ns) / int64(time.Second) // a sender's nanoseconds may be out of range
	ns %= uint32(time.Second)
	if s < 0 && ns > 0 { // msgpack counts nanoseconds upward from the second below
		s, ns = s+1, uint32(time.Second)-ns
		if s == 0 {
			dst = append(dst, '-')
		}
	}
	dst = strconv.AppendInt(dst, s, 10)
	dst = append(dst, '.')
	start := len(dst)
	dst = append(dst, "000000000"...)
	for i := start + 8; ns > 0; i-- {
		dst[i] = byte('0' + ns%10)
		ns /= 10
	}
	return dst
}
