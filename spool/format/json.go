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
	absent
)

// node is a value in a JSON text. What is in an object or array is read from val when it is needed:
// a text of a few bytes for each of its values takes no more memory than itself.
type node struct {
	kind    kind
	escaped bool   // the text holds escapes
	val     []byte // as written; strings without their quotes
}

const maxDepth = 200

var errJSON = errors.New("not valid JSON")

// Remedy tells what to write into a configuration whose format cannot hold a record for the reason
// err, or "" where that is not known.
func Remedy(err error) string {
	if errors.Is(err, errJSON) {
		return `for lines as they are write format "raw" {} in the output; to read them write ` +
			`filter "parse" { format = "logfmt" } in the pipeline, or another format ` +
			`(penstock help filter.parse)`
	}
	return ""
}

// scan returns the value at src[i] and the index after it, or -1 if there is no value that RFC 8259
// allows. What is in it is checked, but for UTF-8.
func scan(src []byte, i, depth int) (n node, next int) {
	if i >= len(src) {
		return n, -1
	}
	switch c := src[i]; c {
	case '"':
		if next, n.escaped = scanString(src, i); next < 0 {
			return n, -1
		}
		n.kind, n.val = text, src[i+1:next-1:next-1]
		return n, next
	case '{':
		n.kind = object
	case '[':
		n.kind = array
	case 't', 'f':
		n.kind = boolean
	case 'n':
		n.kind = null
	default:
		n.kind = number
	}
	if next = skipValue(src, i, depth); next < 0 {
		return n, -1
	}
	n.val = src[i:next:next]
	return n, next
}

// root returns the value that src is. It takes what RFC 8259 allows, in valid UTF-8, and no more.
func root(src []byte) (node, error) {
	if !utf8.Valid(src) {
		return node{}, fmt.Errorf("%w: not valid UTF-8", errJSON)
	}
	n, next := scan(src, skipSpace(src, 0), 0)
	if next < 0 || skipSpace(src, next) != len(src) {
		return node{}, explain(src)
	}
	return n, nil
}

// valid returns what is wrong with src, if it is not one JSON text.
func valid(src []byte) error {
	if validJSON(src) {
		return nil
	}
	return explain(src)
}

// walk goes through the members of an object, or the elements of an array, that was scanned. It
// begins with a node's val.
type walk struct {
	src []byte
	at  int
	key []byte // of the member, as written
	esc bool   // it holds escapes
}

// next returns the next value; ok is false after the last.
func (w *walk) next() (n node, ok bool) {
	src := w.src
	i := skipSpace(src, w.at+1) // after the bracket or the comma
	if i >= len(src)-1 {
		return n, false
	}
	if src[0] == '{' {
		end, esc := scanString(src, i)
		if end < 0 {
			return n, false
		}
		w.key, w.esc = src[i+1:end-1:end-1], esc
		i = skipSpace(src, skipSpace(src, end)+1)
	}
	n, end := scan(src, i, 0)
	if end < 0 {
		return n, false
	}
	w.at = skipSpace(src, end)
	return n, true
}

// unquoted returns what a string says. Where it is written otherwise it is appended to spare, and
// lives as long as that.
func unquoted(spare *[]byte, s []byte, escaped bool) []byte {
	if !escaped {
		return s
	}
	start := len(*spare)
	*spare = appendUnescaped(*spare, s)
	return (*spare)[start:len(*spare):len(*spare)]
}

// appendCompact appends a value as JSON without white space.
func appendCompact(dst []byte, n node) []byte {
	switch n.kind {
	case text:
		return append(append(append(dst, '"'), n.val...), '"')
	case object, array:
		src := n.val
		for start := 0; start < len(src); {
			i := nextSpace(src, start)
			dst = append(dst, src[start:i]...)
			start = skipSpace(src, i)
		}
		return dst
	}
	return append(dst, n.val...)
}

// nextSpace returns the index of the first white space from i on that is in no string, or the
// length of src, which is JSON from i on.
func nextSpace(src []byte, i int) int {
	for i < len(src) && src[i] > ' ' {
		if src[i] != '"' {
			i++
			continue
		}
		if i = skipString(src, i); i < 0 {
			return len(src)
		}
	}
	return i
}

// explain says what is wrong with src, which is not JSON.
func explain(src []byte) error {
	if err := mistake(src); err != nil {
		return err
	}
	return errJSON
}

// mistake returns the first mistake in src, nil if there is none.
func mistake(src []byte) error {
	if !utf8.Valid(src) {
		return fmt.Errorf("%w: not valid UTF-8", errJSON)
	}
	d := document{src: src}
	d.space()
	if err := d.value(0); err != nil {
		return err
	}
	if d.space(); d.at != len(src) {
		return d.fail("more after the end")
	}
	return nil
}

// document is a JSON text that is looked through for a mistake.
type document struct {
	src []byte
	at  int
}

func (d *document) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", errJSON, what, d.at)
}

func (d *document) space() { d.at = skipSpace(d.src, d.at) }

func (d *document) value(depth int) error {
	if d.at >= len(d.src) {
		return d.fail("unexpected end")
	}
	if depth > maxDepth {
		return d.fail("nested too deeply")
	}
	switch c := d.src[d.at]; {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		return d.string()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	case c == 't':
		return d.literal("true")
	case c == 'f':
		return d.literal("false")
	case c == 'n':
		return d.literal("null")
	}
	return d.fail("unexpected character")
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
		if err := d.string(); err != nil {
			return err
		}
		if d.space(); d.at >= len(d.src) || d.src[d.at] != ':' {
			return d.fail("no colon")
		}
		d.at++
		d.space()
		if err := d.value(depth + 1); err != nil {
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
		if err := d.value(depth + 1); err != nil {
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

// skipOrdinary returns the index of the first byte from i on that needs a look, or the length of
// src. It looks at eight at a time.
func skipOrdinary(src []byte, i int) int {
	for ; ; i += 8 {
		if found := unusual(ahead(src, i)); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
}

const ones, tops = 0x0101010101010101, 0x8080808080808080

// ahead returns the eight bytes from i on, of which those behind the end of src are zero.
func ahead(src []byte, i int) uint64 {
	if i+8 <= len(src) {
		return binary.LittleEndian.Uint64(src[i : i+8 : i+8])
	}
	return lastBytes(src, i)
}

//go:noinline
func lastBytes(src []byte, i int) (w uint64) {
	if n := len(src) - i; n > 0 && len(src) >= 8 {
		return binary.LittleEndian.Uint64(src[len(src)-8:]) >> (64 - 8*n)
	}
	for at := len(src) - 1; at >= i; at-- {
		w = w<<8 | uint64(src[at])
	}
	return w
}

// unusual returns a word whose lowest top bit that is set, of a byte, is that of the first byte of
// w that is below the space, a quote or a backslash; those above it say nothing.
func unusual(w uint64) uint64 {
	// With its second bit turned, a quote is a space, and what is below a space stays there.
	low, slash := w^2*ones, w^'\\'*ones
	return ((low-('"'-1)*ones)&^low | (slash-ones)&^slash) & tops
}

// unplain is unusual for words of ASCII, and finds all that is beyond it.
func unplain(w uint64) uint64 {
	return ((w ^ 2*ones - ('"'-1)*ones) | (w ^ '\\'*ones - ones) | w) & tops
}

func (d *document) string() error {
	src := d.src
	i := d.at + 1
	for ; i < len(src); i++ {
		i = skipOrdinary(src, i)
		if i == len(src) {
			break
		}
		switch c := src[i]; {
		case c == '"':
			d.at = i + 1
			return nil
		case c < 0x20:
			d.at = i
			return d.fail("control character in a string")
		case c == '\\':
			if i++; i >= len(src) {
				break
			}
			switch src[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(src) || !isHex(src[i]) {
						d.at = i
						return d.fail("bad escape")
					}
				}
			default:
				d.at = i
				return d.fail("bad escape")
			}
		}
	}
	d.at = len(src)
	return d.fail("unexpected end")
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
