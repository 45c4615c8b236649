package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// kind is the type of a JSON value.
type kind byte

const (
	null kind = iota
	boolean
	number
	text
	object
	array
)

// node is a value of a document. Children follow their parent; next is the index after the last descendant.
type node struct {
	kind    kind
	escaped bool  // the text holds escapes
	keyEsc  bool  // the key does
	next    int32 // index of the next sibling
	key     []byte
	val     []byte // as written; strings without their quotes
}

// document is a parsed JSON text, over whose bytes its nodes lie. It is reused from one to the next. It takes what RFC 8259 allows,
// in valid UTF-8, and no more.
type document struct {
	nodes []node
	src   []byte
	at    int
	spare []byte // unescaped keys and texts
}

const maxDepth = 200

var errJSON = errors.New("not valid JSON")

func (d *document) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", errJSON, what, d.at)
}

// parse reads one document. Node 0 is its root.
func (d *document) parse(src []byte) error {
	d.nodes, d.src, d.at, d.spare = d.nodes[:0], src, 0, d.spare[:0]
	if !utf8.Valid(src) {
		return fmt.Errorf("%w: not valid UTF-8", errJSON)
	}
	d.space()
	if err := d.value(nil, false, 0); err != nil {
		return err
	}
	if d.space(); d.at != len(src) {
		return d.fail("more after the end")
	}
	return nil
}

// valid is parse that only tells whether src is a document.
func (d *document) valid(src []byte) error {
	if validJSON(src) {
		return nil
	}
	return d.parse(src)
}

func (d *document) space() {
	if d.at < len(d.src) && d.src[d.at] > ' ' {
		return
	}
	for d.at < len(d.src) {
		switch d.src[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *document) value(key []byte, keyEsc bool, depth int) error {
	if d.at >= len(d.src) {
		return d.fail("unexpected end")
	}
	if depth > maxDepth {
		return d.fail("nested too deeply")
	}
	i := len(d.nodes)
	d.nodes = append(d.nodes, node{key: key, keyEsc: keyEsc})
	start := d.at
	var err error
	k := null
	var val []byte
	escaped := false
	switch c := d.src[d.at]; {
	case c == '{':
		k, err = object, d.object(depth)
		val = d.src[start:d.at]
	case c == '[':
		k, err = array, d.array(depth)
		val = d.src[start:d.at]
	case c == '"':
		k = text
		val, escaped, err = d.string()
	case c == '-' || c >= '0' && c <= '9':
		k, err = number, d.number()
		val = d.src[start:d.at]
	case c == 't':
		k, err = boolean, d.literal("true")
		val = d.src[start:d.at]
	case c == 'f':
		k, err = boolean, d.literal("false")
		val = d.src[start:d.at]
	case c == 'n':
		err = d.literal("null")
		val = d.src[start:d.at]
	default:
		return d.fail("unexpected character")
	}
	n := &d.nodes[i]
	n.kind, n.val, n.escaped, n.next = k, val, escaped, int32(len(d.nodes))
	return err
}

func (d *document) literal(s string) error {
	if len(d.src)-d.at < len(s) || string(d.src[d.at:d.at+len(s)]) != s {
		return d.fail("unexpected character")
	}
	d.at += len(s)
	return nil
}

func (d *document) object(depth int) error {
	d.at++
	if d.space(); d.at < len(d.src) && d.src[d.at] == '}' {
		d.at++
		return nil
	}
	for {
		if d.space(); d.at >= len(d.src) || d.src[d.at] != '"' {
			return d.fail("no name")
		}
		key, escaped, err := d.string()
		if err != nil {
			return err
		}
		if d.space(); d.at >= len(d.src) || d.src[d.at] != ':' {
			return d.fail("no colon")
		}
		d.at++
		d.space()
		if err := d.value(key, escaped, depth+1); err != nil {
			return err
		}
		if more, err := d.more('}'); !more || err != nil {
			return err
		}
	}
}

func (d *document) array(depth int) error {
	d.at++
	if d.space(); d.at < len(d.src) && d.src[d.at] == ']' {
		d.at++
		return nil
	}
	for {
		d.space()
		if err := d.value(nil, false, depth+1); err != nil {
			return err
		}
		if more, err := d.more(']'); !more || err != nil {
			return err
		}
	}
}

func (d *document) more(end byte) (bool, error) {
	if d.space(); d.at >= len(d.src) {
		return false, d.fail("unexpected end")
	}
	switch d.src[d.at] {
	case ',':
		d.at++
		return true, nil
	case end:
		d.at++
		return false, nil
	}
	return false, d.fail("unexpected character")
}

// skipOrdinary returns the index of the first byte from i on that needs a look, or the length of src. It looks at eight at a time.
func skipOrdinary(src []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(src); i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		quote, slash := w^('"'*ones), w^('\\'*ones)
		// A byte's top bit: it is below the space, a quote, or a backslash. Only the lowest one that is set counts, those above may be borrowed.
		if found := ((w-' '*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & tops; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(src) && ordinary[src[i]] {
		i++
	}
	return i
}

// ordinary are the bytes of a string that need no look.
var ordinary = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

func (d *document) string() (s []byte, escaped bool, err error) {
	src := d.src
	i := d.at + 1
	for start := i; i < len(src); i++ {
		i = skipOrdinary(src, i)
		if i == len(src) {
			break
		}
		switch c := src[i]; {
		case c == '"':
			d.at = i + 1
			return src[start:i:i], escaped, nil
		case c < 0x20:
			d.at = i
			return nil, false, d.fail("control character in a string")
		case c == '\\':
			escaped = true
			if i++; i >= len(src) {
				break
			}
			switch src[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(src) || !isHex(src[i]) {
						d.at = i
						return nil, false, d.fail("bad escape")
					}
				}
			default:
				d.at = i
				return nil, false, d.fail("bad escape")
			}
		}
	}
	d.at = len(src)
	return nil, false, d.fail("unexpected end")
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (d *document) digits() bool {
	i := d.at
	for i < len(d.src) && d.src[i]-'0' <= 9 {
		i++
	}
	any := i > d.at
	d.at = i
	return any
}

func (d *document) is(c byte) bool { return d.at < len(d.src) && d.src[d.at] == c }

func (d *document) number() error {
	if d.is('-') {
		d.at++
	}
	if d.is('0') {
		d.at++
	} else if !d.digits() {
		return d.fail("bad number")
	}
	if d.is('.') {
		d.at++
		if !d.digits() {
			return d.fail("bad number")
		}
	}
	if d.is('e') || d.is('E') {
		d.at++
		if d.is('+') || d.is('-') {
			d.at++
		}
		if !d.digits() {
			return d.fail("bad number")
		}
	}
	return nil
}

// text returns what a string says. The result lives until the next parse.
func (d *document) text(n *node) []byte { return d.plain(n.val, n.escaped) }

// name returns a member's name.
func (d *document) name(n *node) []byte { return d.plain(n.key, n.keyEsc) }

func (d *document) plain(s []byte, escaped bool) []byte {
	if !escaped {
		return s
	}
	start := len(d.spare)
	d.spare = appendUnescaped(d.spare, s)
	return d.spare[start:len(d.spare):len(d.spare)]
}

// find returns the index of the member at path below node i, or -1. Of members with one name the last counts.
func (d *document) find(i int, path []string) int {
	for _, name := range path {
		if d.nodes[i].kind != object {
			return -1
		}
		found := -1
		for j := i + 1; j < int(d.nodes[i].next); j = int(d.nodes[j].next) {
			if string(d.name(&d.nodes[j])) == name {
				found = j
			}
		}
		if i = found; i < 0 {
			return -1
		}
	}
	return i
}

// appendCompact appends node i as JSON without white space.
func (d *document) appendCompact(dst []byte, i int) []byte {
	n := &d.nodes[i]
	switch n.kind {
	case text:
		dst = append(append(append(dst, '"'), n.val...), '"')
	case object, array:
		open, end := byte('{'), byte('}')
		if n.kind == array {
			open, end = '[', ']'
		}
		dst = append(dst, open)
		for j := i + 1; j < int(n.next); j = int(d.nodes[j].next) {
			if j > i+1 {
				dst = append(dst, ',')
			}
			if n.kind == object {
				dst = append(append(append(dst, '"'), d.nodes[j].key...), '"', ':')
			}
			dst = d.appendCompact(dst, j)
		}
		dst = append(dst, end)
	default:
		dst = append(dst, n.val...)
	}
	return dst
}
