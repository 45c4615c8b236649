package decode

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoReader appends a message as JSON: fields in the order of their definition and under their
// names there, 64-bit numbers as numbers, enums by name, bytes in base64. A message is read once to
// see where its fields are, and then field by field, so that it costs memory for its definition and
// not for its size.
type protoReader struct {
	pool  *protoPool
	dst   []byte
	most  int // length of dst
	work  int // bytes that may still be looked at: fields in disorder are looked for again
	spans []protoSpan
}

// protoSpan is where a field is in a message.
type protoSpan struct {
	first, last, end int // of the first value's tag, the last one's, and behind that
	count            int
}

func (r *protoReader) spend(n int) error {
	if r.work -= n; r.work < 0 {
		return errors.New("fields in too great a disorder")
	}
	if len(r.dst) > r.most {
		return errLong
	}
	return nil
}

// walk calls use for each field with the bytes of its value, the length of one of bytes included.
func (r *protoReader) walk(
	p []byte, use func(num protowire.Number, typ protowire.Type, data []byte) error,
) error {
	if err := r.spend(len(p)); err != nil {
		return err
	}
	for len(p) > 0 {
		num, typ, size, err := nextField(p)
		if err != nil {
			return err
		}
		_, _, tag := protowire.ConsumeTag(p)
		if err := use(num, typ, p[tag:size]); err != nil {
			return err
		}
		p = p[size:]
	}
	return nil
}

// nextField returns the length of the first field of p.
func nextField(p []byte) (num protowire.Number, typ protowire.Type, size int, err error) {
	num, typ, tag := protowire.ConsumeTag(p)
	if tag < 0 {
		return 0, 0, 0, protowire.ParseError(tag)
	}
	n := protowire.ConsumeFieldValue(num, typ, p[tag:])
	if n < 0 {
		return 0, 0, 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
	}
	return num, typ, tag + n, nil
}

func (f *protoField) wireType() protowire.Type {
	switch f.kind {
	case protoDouble, protoFixed64, protoSfixed64:
		return protowire.Fixed64Type
	case protoFloat, protoFixed32, protoSfixed32:
		return protowire.Fixed32Type
	case protoString, protoNested, protoBytes:
		return protowire.BytesType
	case protoGroup:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

// takes reports whether a value of wire type t can be one of f: lists of numbers may be packed, and
// a message may be a group.
func (f *protoField) takes(t protowire.Type) bool {
	switch want := f.wireType(); {
	case t == want:
		return true
	case f.message != nil:
		return t == protowire.BytesType || t == protowire.StartGroupType
	default:
		return f.repeated && t == protowire.BytesType
	}
}

func (r *protoReader) message(m *protoMessage, p []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	if err := r.spend(1); err != nil {
		return err
	}
	if m.known != 0 {
		return r.wellKnown(m, p, depth)
	}
	return r.members(m, p, depth, '{')
}

// members appends the fields of a message, sep before the first, and the closing brace.
func (r *protoReader) members(m *protoMessage, p []byte, depth int, sep byte) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	base := len(r.spans)
	n := len(m.fields) + m.oneofs
	r.spans = slices.Grow(r.spans, n)[:base+n]
	clear(r.spans[base:])
	defer func() { r.spans = r.spans[:base] }()
	unknown, err := r.locateFields(m, p, base)
	if err != nil {
		return err
	}
	open := sep == '{'
	for i, f := range m.fields {
		s := r.spans[base+i]
		if s.count > 0 && f.oneof >= 0 && r.spans[base+len(m.fields)+f.oneof].last != s.last {
			continue // another of the same choice came later
		}
		if s.count == 0 && !f.implicit {
			continue
		}
		r.dst = append(appendString(append(r.dst, sep), f.name), ':')
		sep, open = ',', false
		if err := r.field(f, p, s, depth); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if unknown {
		r.dst = append(append(r.dst, sep), `"_unknown":`...)
		open = false
		if err := r.unknown(m, p); err != nil {
			return err
		}
	}
	if open {
		r.dst = append(r.dst, '{')
	}
	r.dst = append(r.dst, '}')
	return nil
}

// locateFields notes where the fields are, and reports whether there are others.
func (r *protoReader) locateFields(m *protoMessage, p []byte, base int) (unknown bool, err error) {
	if err := r.spend(len(p) + len(m.fields)); err != nil {
		return false, err
	}
	for at := 0; at < len(p); {
		num, typ, size, err := nextField(p[at:])
		if err != nil {
			return false, err
		}
		i, ok := m.byNumber[num]
		if !ok || !m.fields[i].takes(typ) {
			unknown, at = true, at+size
			continue
		}
		s := &r.spans[base+i]
		if s.count == 0 {
			s.first = at
		}
		s.last, s.end = at, at+size
		s.count++
		if o := m.fields[i].oneof; o >= 0 {
			r.spans[base+len(m.fields)+o].last = at
		}
		at += size
	}
	return unknown, nil
}

// unknown appends, in base64, the fields that the definition does not have: it may be older.
func (r *protoReader) unknown(m *protoMessage, p []byte) error {
	if err := r.spend(len(p)); err != nil {
		return err
	}
	var raw []byte
	for len(p) > 0 {
		num, typ, size, err := nextField(p)
		if err != nil {
			return err
		}
		if i, ok := m.byNumber[num]; !ok || !m.fields[i].takes(typ) {
			raw = append(raw, p[:size]...)
		}
		p = p[size:]
	}
	r.dst = appendBase64(r.dst, raw)
	return nil
}

// field appends the value of a field.
func (r *protoReader) field(f *protoField, p []byte, s protoSpan, depth int) error {
	switch {
	case s.count == 0:
		r.zero(f)
		return nil
	case f.repeated:
		return r.list(f, p[s.first:s.end], depth)
	case f.message == nil:
		_, _, tag := protowire.ConsumeTag(p[s.last:])
		_, err := r.scalar(f, p[s.last+tag:s.end])
		return err
	case s.count == 1:
		return r.message(f.message, payload(p[s.last:s.end]), depth+1)
	}
	// A message in several parts is that of all of them together.
	if err := r.spend(8 * (s.end - s.first)); err != nil {
		return err
	}
	var whole []byte
	for rest := p[s.first:s.end]; len(rest) > 0; {
		num, typ, size, err := nextField(rest)
		if err != nil {
			return err
		}
		if num == f.number && f.takes(typ) {
			whole = append(whole, payload(rest[:size])...)
		}
		rest = rest[size:]
	}
	return r.message(f.message, whole, depth+1)
}

// payload returns what is in a field of bytes, or in a group.
func payload(field []byte) []byte {
	num, typ, tag := protowire.ConsumeTag(field)
	if typ == protowire.StartGroupType {
		b, _ := protowire.ConsumeGroup(num, field[tag:])
		return b
	}
	b, _ := protowire.ConsumeBytes(field[tag:])
	return b
}

// list appends a list or a map, whose values are among the fields of p.
func (r *protoReader) list(f *protoField, p []byte, depth int) error {
	open, end := byte('['), byte(']')
	if f.isMap() {
		open, end = '{', '}'
	}
	r.dst = append(r.dst, open)
	first := true
	err := r.walk(p, func(num protowire.Number, typ protowire.Type, data []byte) error {
		if num != f.number || !f.takes(typ) {
			return nil
		}
		packed := f.message == nil && typ == protowire.BytesType && f.wireType() != typ
		if packed {
			data, _ = protowire.ConsumeBytes(data)
		}
		for more := !packed || len(data) > 0; more; more = packed && len(data) > 0 {
			if !first {
				r.dst = append(r.dst, ',')
			}
			first = false
			n, err := r.element(f, num, typ, data, depth)
			if err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	})
	r.dst = append(r.dst, end)
	return err
}

// element appends one value of a list, and returns its length if it is a scalar.
func (r *protoReader) element(
	f *protoField, num protowire.Number, typ protowire.Type, data []byte, depth int,
) (int, error) {
	if f.message == nil {
		if len(r.dst) > r.most {
			return 0, errLong
		}
		return r.scalar(f, data)
	}
	var b []byte
	if typ == protowire.StartGroupType {
		b, _ = protowire.ConsumeGroup(num, data)
	} else {
		b, _ = protowire.ConsumeBytes(data)
	}
	if f.isMap() {
		return 0, r.entry(f.message, b, depth+1)
	}
	return 0, r.message(f.message, b, depth+1)
}

// entry appends the key and the value of a map.
func (r *protoReader) entry(m *protoMessage, p []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	base := len(r.spans)
	r.spans = append(r.spans, protoSpan{}, protoSpan{})
	defer func() { r.spans = r.spans[:base] }()
	if _, err := r.locateFields(m, p, base); err != nil {
		return err
	}
	key, start := m.fields[0], len(r.dst)
	if err := r.field(key, p, r.spans[base], depth); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if r.dst[start] != '"' {
		r.dst = append(slices.Insert(r.dst, start, '"'), '"')
	}
	r.dst = append(r.dst, ':')
	s := r.spans[base+1]
	if s.count == 0 && m.fields[1].message != nil {
		return r.message(m.fields[1].message, nil, depth+1)
	}
	return r.field(m.fields[1], p, s, depth)
}

// zero appends the value that a field has where it is not there.
func (r *protoReader) zero(f *protoField) {
	switch f.kind {
	case protoBool:
		r.dst = append(r.dst, "false"...)
	case protoString, protoBytes:
		r.dst = append(r.dst, '"', '"')
	case protoEnumKind:
		r.enum(f, f.enum.first)
	default:
		r.dst = append(r.dst, '0')
	}
}

func (r *protoReader) enum(f *protoField, n int32) {
	if name, ok := f.enum.names[n]; ok {
		r.dst = appendString(r.dst, name)
		return
	}
	r.dst = strconv.AppendInt(r.dst, int64(n), 10)
}

// scalar appends the value that p begins with, and returns its length.
func (r *protoReader) scalar(f *protoField, p []byte) (int, error) {
	switch f.wireType() {
	case protowire.Fixed32Type:
		v, n := protowire.ConsumeFixed32(p)
		if n < 0 {
			return 0, errShort
		}
		switch f.kind {
		case protoFloat:
			r.dst = appendFloat(r.dst, float64(math.Float32frombits(v)), 32)
		case protoSfixed32:
			r.dst = strconv.AppendInt(r.dst, int64(int32(v)), 10)
		default:
			r.dst = strconv.AppendUint(r.dst, uint64(v), 10)
		}
		return n, nil
	case protowire.Fixed64Type:
		v, n := protowire.ConsumeFixed64(p)
		if n < 0 {
			return 0, errShort
		}
		switch f.kind {
		case protoDouble:
			r.dst = appendFloat(r.dst, math.Float64frombits(v), 64)
		case protoSfixed64:
			r.dst = strconv.AppendInt(r.dst, int64(v), 10)
		default:
			r.dst = strconv.AppendUint(r.dst, v, 10)
		}
		return n, nil
	case protowire.BytesType:
		b, n := protowire.ConsumeBytes(p)
		switch {
		case n < 0:
			return 0, errShort
		case f.kind == protoBytes:
			return n, r.binary(b)
		}
		return n, r.text(b)
	}
	v, n := protowire.ConsumeVarint(p)
	if n < 0 {
		return 0, errShort
	}
	switch f.kind {
	case protoInt32:
		r.dst = strconv.AppendInt(r.dst, int64(int32(v)), 10)
	case protoInt64:
		r.dst = strconv.AppendInt(r.dst, int64(v), 10)
	case protoSint32:
		r.dst = strconv.AppendInt(r.dst, int64(int32(protowire.DecodeZigZag(v&math.MaxUint32))), 10)
	case protoSint64:
		r.dst = strconv.AppendInt(r.dst, protowire.DecodeZigZag(v), 10)
	case protoUint32:
		r.dst = strconv.AppendUint(r.dst, uint64(uint32(v)), 10)
	case protoBool:
		r.dst = strconv.AppendBool(r.dst, v != 0)
	case protoEnumKind:
		r.enum(f, int32(v))
	default:
		r.dst = strconv.AppendUint(r.dst, v, 10)
	}
	return n, nil
}

func (r *protoReader) text(b []byte) (err error) {
	r.dst, err = appendText(r.dst, b, r.most)
	return err
}

func (r *protoReader) binary(b []byte) (err error) {
	r.dst, err = appendBinary(r.dst, b, r.most)
	return err
}
