package partition

import (
	"encoding/binary"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// spot is where a field was found before, and what stood in front of it. Records of a log are
// mostly written by one program, with the same fields in the same order, and many texts are as long
// as those of the record before: then eight bytes at a time tell that the field is there again.
type spot struct {
	at    int // of the text
	front []spotWord

	misses, patience int // since it was found there, and how many there may be before it is learned
}

// spotWord is eight bytes in front of a field: those that have to be the same, and those of texts,
// which may be all that is plain.
type spotWord struct{ bytes, same, text uint64 }

// mostPatience bounds how often a field is learned whose place is never that of the record before.
const mostPatience = 1 << 10

// find is findText.
func (s *spot) find(value []byte, name string) (found []byte, sure bool) {
	if s.isAgain(value) {
		text := value[s.at:]
		if n := plain(text); n >= 0 {
			s.misses, s.patience = 0, 0
			return text[:n:n], true
		}
	}
	at, n, sure := textAt(value, name)
	if at < 0 {
		return nil, sure
	}
	if s.misses++; s.misses > s.patience {
		s.learn(value, at)
	}
	return value[at : at+n : at+n], true
}

// isAgain reports whether what stands in front is that which was learned.
func (s *spot) isAgain(value []byte) bool {
	if len(s.front) == 0 || len(value) < 8*len(s.front) {
		return false
	}
	for i := range s.front {
		x, w := &s.front[i], binary.LittleEndian.Uint64(value[8*i:])
		if (w^x.bytes)&x.same|msgpack.NotPlain(w)&x.text != 0 {
			return false
		}
	}
	return true
}

// learn takes note of what stands in front of a text that textAt has found: names, and texts
// without escapes, numbers and literals, none of them in another object.
func (s *spot) learn(value []byte, at int) {
	s.at, s.front = at, s.front[:0]
	s.misses, s.patience = 0, min(2*s.patience+1, mostPatience)
	isName, inside := true, false
	for i, c := range value[:at] {
		if i%8 == 0 {
			s.front = append(s.front, spotWord{})
		}
		x, shift := &s.front[i/8], i%8*8
		x.bytes |= uint64(c) << shift
		switch {
		case c == '"':
			inside = !inside
		case inside && !isName:
			x.text |= 0x80 << shift
			continue
		case inside:
		case c == ':':
			isName = false
		case c == ',':
			isName = true
		}
		x.same |= 0xff << shift
	}
}
