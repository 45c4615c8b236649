package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
)

// thriftDecoder reads a struct without knowing its definition: fields are named by their ids, or as
// the configuration names them. Strings are texts but where it says binary; what stands in a list,
// a set or a map has the path of the field.
//
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type thriftDecoder struct {
	compact bool
	root    *thriftField
	print   string
}

// thriftField is what is known of a field.
type thriftField struct {
	name   string
	binary bool
	fields map[int16]*thriftField
}

// unknownField is one of which nothing is known.
var unknownField = &thriftField{}

func (f *thriftField) child(id int16) *thriftField {
	if c := f.fields[id]; c != nil {
		return c
	}
	return unknownField
}

func newThrift(c *Config) (*thriftDecoder, error) {
	d := &thriftDecoder{compact: c.Protocol == "compact", root: &thriftField{}}
	var errs []error
	at := func(what, path string) *thriftField {
		f := d.root
		for part := range strings.SplitSeq(path, ".") {
			id, err := strconv.ParseInt(part, 10, 16)
			if err != nil {
				errs = append(
					errs, fmt.Errorf("%s: must be ids of fields such as \"4\" or \"2.1\", not %q", what, path),
				)
				return &thriftField{}
			}
			next := f.fields[int16(id)]
			if next == nil {
				if f.fields == nil {
					f.fields = map[int16]*thriftField{}
				}
				next = &thriftField{}
				f.fields[int16(id)] = next
			}
			f = next
		}
		return f
	}
	print := []string{"thrift", c.Protocol}
	for path, name := range c.Names {
		at("names", path).name = name
		print = append(print, strconv.Quote(path)+"="+strconv.Quote(name))
	}
	for _, path := range c.Binary {
		at("binary", path).binary = true
		print = append(print, strconv.Quote(path))
	}
	slices.Sort(print[2:])
	d.print = strings.Join(print, " ")
	return d, errors.Join(errs...)
}

func (d *thriftDecoder) Fingerprint() string { return d.print }

func (d *thriftDecoder) AppendJSON(dst, value []byte, _ []record.Header) ([]byte, error) {
	r := thriftReader{
		compact: d.compact,
		dst:     grown(dst, len(value)),
		p:       value,
		most:    len(dst) + maxText(len(value)),
	}
	err := r.structure(d.root, 0)
	if err == nil && len(r.p) > 0 {
		err = fmt.Errorf("%d bytes after the end", len(r.p))
	}
	if err != nil {
		return dst, fmt.Errorf("thrift: %w", err)
	}
	return r.dst, nil
}

// thriftType is a type as the binary protocol numbers them.
type thriftType byte

const (
	thriftStop   thriftType = 0
	thriftBool   thriftType = 2
	thriftByte   thriftType = 3
	thriftDouble thriftType = 4
	thriftI16    thriftType = 6
	thriftI32    thriftType = 8
	thriftI64    thriftType = 10
	thriftString thriftType = 11
	thriftStruct thriftType = 12
	thriftMap    thriftType = 13
	thriftSet    thriftType = 14
	thriftList   thriftType = 15
	thriftUUID   thriftType = 16
)

// compactTypes are those of the compact protocol, by number.
var compactTypes = [...]thriftType{
	thriftStop, thriftBool, thriftBool, thriftByte, thriftI16, thriftI32, thriftI64, thriftDouble,
	thriftString, thriftList, thriftSet, thriftMap, thriftStruct, thriftUUID,
}

// thriftReader appends what it reads as JSON.
type thriftReader struct {
	compact bool
	dst, p  []byte
	most    int // length of dst
}

func (r *thriftReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.p)) {
		return nil, errShort
	}
	b := r.p[:n]
	r.p = r.p[n:]
	return b, nil
}

func (r *thriftReader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.p)
	if n <= 0 {
		return 0, errShort
	}
	r.p = r.p[n:]
	return v, nil
}

// size reads the length of a string or a collection.
func (r *thriftReader) size() (uint64, error) {
	if r.compact {
		return r.uvarint()
	}
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	n := int32(binary.BigEndian.Uint32(b))
	if n < 0 {
		return 0, errors.New("a negative length")
	}
	return uint64(n), nil
}

// integer reads one of n bytes.
func (r *thriftReader) integer(n int) (int64, error) {
	if r.compact && n > 1 {
		u, err := r.uvarint()
		v := int64(u>>1) ^ -int64(u&1)
		if shift := 64 - 8*n; err == nil && v != v<<shift>>shift {
			err = fmt.Errorf("%d does not fit into %d bytes", v, n)
		}
		return v, err
	}
	b, err := r.take(uint64(n))
	if err != nil {
		return 0, err
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v, nil
}

func (r *thriftReader) kind(b byte) (thriftType, error) {
	if !r.compact {
		return thriftType(b), nil
	}
	if int(b) >= len(compactTypes) {
		return 0, fmt.Errorf("no type %d", b)
	}
	return compactTypes[b], nil
}

// header reads what stands before a field. The compact protocol has the value of a bool in it.
func (r *thriftReader) header(last int16) (t thriftType, id int16, value byte, err error) {
	b, err := r.take(1)
	if err != nil || b[0] == 0 {
		return thriftStop, 0, 0, err
	}
	if !r.compact {
		v, err := r.integer(2)
		return thriftType(b[0]), int16(v), 0, err
	}
	if delta := b[0] >> 4; delta > 0 {
		id = last + int16(delta)
	} else {
		v, err := r.integer(2)
		if err != nil {
			return 0, 0, 0, err
		}
		id = int16(v)
	}
	t, err = r.kind(b[0] & 0x0f)
	return t, id, b[0] & 0x0f, err
}

func (r *thriftReader) structure(f *thriftField, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	sep, last := byte('{'), int16(0)
	for {
		t, id, value, err := r.header(last)
		if err != nil {
			return err
		}
		if t == thriftStop {
			if sep == '{' {
				r.dst = append(r.dst, '{')
			}
			r.dst = append(r.dst, '}')
			return nil
		}
		if len(r.dst) > r.most {
			return errLong
		}
		child := f.child(id)
		r.dst = append(r.dst, sep)
		if child.name != "" {
			r.dst = append(appendString(r.dst, child.name), ':')
		} else {
			r.dst = append(strconv.AppendInt(append(r.dst, '"'), int64(id), 10), '"', ':')
		}
		if r.compact && t == thriftBool {
			r.dst = strconv.AppendBool(r.dst, value == 1)
		} else if err := r.value(t, child, depth+1); err != nil {
			return fmt.Errorf("field %d: %w", id, err)
		}
		sep, last = ',', id
	}
}

// value appends a value of type t, which belongs to field f.
func (r *thriftReader) value(t thriftType, f *thriftField, depth int) error {
	if len(r.dst) > r.most {
		return errLong
	}
	switch t {
	case thriftBool:
		b, err := r.take(1)
		if err != nil {
			return err
		}
		r.dst = strconv.AppendBool(r.dst, b[0] == 1)
	case thriftByte:
		return r.number(1)
	case thriftI16:
		return r.number(2)
	case thriftI32:
		return r.number(4)
	case thriftI64:
		return r.number(8)
	case thriftDouble:
		b, err := r.take(8)
		if err != nil {
			return err
		}
		bits := binary.BigEndian.Uint64(b)
		if r.compact {
			bits = binary.LittleEndian.Uint64(b)
		}
		r.dst = appendFloat(r.dst, math.Float64frombits(bits), 64)
	case thriftString:
		return r.text(f)
	case thriftUUID:
		b, err := r.take(16)
		if err != nil {
			return err
		}
		r.dst = appendUUID(r.dst, b)
	case thriftStruct:
		return r.structure(f, depth)
	case thriftList, thriftSet:
		return r.list(f, depth)
	case thriftMap:
		return r.dictionary(f, depth)
	default:
		return fmt.Errorf("no type %d", t)
	}
	return nil
}

func (r *thriftReader) number(bytes int) error {
	v, err := r.integer(bytes)
	if err != nil {
		return err
	}
	r.dst = strconv.AppendInt(r.dst, v, 10)
	return nil
}

func (r *thriftReader) text(f *thriftField) error {
	n, err := r.size()
	if err != nil {
		return err
	}
	b, err := r.take(n)
	switch {
	case err != nil:
		return err
	case f.binary:
		r.dst, err = appendBinary(r.dst, b, r.most)
	case !utf8.Valid(b):
		return errors.New("no text: if it is binary, name the field in binary = [...]")
	default:
		r.dst, err = appendText(r.dst, b, r.most)
	}
	return err
}

func (r *thriftReader) list(f *thriftField, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	head, err := r.take(1)
	if err != nil {
		return err
	}
	t, n := thriftType(head[0]), uint64(0)
	if r.compact {
		if t, err = r.kind(head[0] & 0x0f); err != nil {
			return err
		}
		n = uint64(head[0] >> 4)
	}
	if !r.compact || n == 15 {
		if n, err = r.size(); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, '[')
	for i := range n { // each takes a byte at least
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		if err := r.value(t, f, depth+1); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, ']')
	return nil
}

func (r *thriftReader) dictionary(f *thriftField, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	key, val, n, err := r.mapHeader()
	if err != nil {
		return err
	}
	r.dst = append(r.dst, '{')
	for i := range n {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		if err := r.key(key, depth+1); err != nil {
			return err
		}
		r.dst = append(r.dst, ':')
		if err := r.value(val, f, depth+1); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, '}')
	return nil
}

func (r *thriftReader) mapHeader() (key, val thriftType, n uint64, err error) {
	if r.compact {
		if n, err = r.size(); err != nil || n == 0 {
			return 0, 0, n, err
		}
		b, err := r.take(1)
		if err != nil {
			return 0, 0, 0, err
		}
		if key, err = r.kind(b[0] >> 4); err != nil {
			return 0, 0, 0, err
		}
		val, err = r.kind(b[0] & 0x0f)
		return key, val, n, err
	}
	b, err := r.take(2)
	if err != nil {
		return 0, 0, 0, err
	}
	n, err = r.size()
	return thriftType(b[0]), thriftType(b[1]), n, err
}

// key appends the key of a map: a text as it is, anything else as the text of its JSON.
func (r *thriftReader) key(t thriftType, depth int) error {
	start, from := len(r.dst), len(r.p)
	if err := r.value(t, unknownField, depth); err != nil {
		return err
	}
	if r.dst[start] == '"' {
		return nil
	}
	text := bytes.Clone(r.dst[start:])
	var err error
	if r.dst, err = appendText(r.dst[:start], text, r.most); err != nil {
		return err
	}
	// A map as a key within a key, and so on: its quotes take twice the room at each depth.
	if len(r.dst)-start > 8*(from-len(r.p))+64 {
		return errors.New("nested too deeply in keys")
	}
	return nil
}

func appendUUID(dst, b []byte) []byte {
	dst = hex.AppendEncode(append(dst, '"'), b[:4])
	for _, part := range [][]byte{b[4:6], b[6:8], b[8:10], b[10:16]} {
		dst = hex.AppendEncode(append(dst, '-'), part)
	}
	return append(dst, '"')
}
