package format

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hamba/avro/v2"
)

// appendAvro appends n as a value of a given schema. Members that the schema does not have are left
// out, as Avro's schema resolution does; fields that are missing take their default.
func (r *row) appendAvro(dst []byte, schema avro.Schema, n node) ([]byte, error) {
	switch s := schema.(type) {
	case *avro.RefSchema:
		return r.appendAvro(dst, s.Schema(), n)
	case *avro.RecordSchema:
		if n.kind != object {
			return dst, fmt.Errorf("avro: %s is no object", s.Name())
		}
		return r.appendAvroRecord(dst, s, n)
	case *avro.UnionSchema:
		for i, branch := range s.Types() {
			if out, err := r.appendAvro(binary.AppendVarint(dst, int64(i)), branch, n); err == nil {
				return out, nil
			}
		}
		return dst, errors.New("avro: no branch of the union fits")
	case *avro.ArraySchema:
		if n.kind != array {
			return dst, errors.New("avro: no array")
		}
		return appendAvroItems(
			dst, n,
			func(dst []byte, _ *walk, e node) ([]byte, error) {
				return r.appendAvro(dst, s.Items(), e)
			},
		)
	case *avro.MapSchema:
		if n.kind != object {
			return dst, errors.New("avro: no object for a map")
		}
		return appendAvroItems(dst, n, func(dst []byte, w *walk, e node) ([]byte, error) {
			r.spare = r.spare[:0]
			return r.appendAvro(appendBytes(dst, unquoted(&r.spare, w.key, w.esc)), s.Values(), e)
		})
	case *avro.EnumSchema:
		if n.kind == text {
			name := string(r.text(&n))
			for i, symbol := range s.Symbols() {
				if symbol == name {
					return binary.AppendVarint(dst, int64(i)), nil
				}
			}
		}
		return dst, fmt.Errorf("avro: %s is no symbol of %s", n.val, s.Name())
	case *avro.FixedSchema:
		if d, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
			b, ok := decimalOf(n.val, d.Precision(), d.Scale())
			if (n.kind == text || n.kind == number) && ok && len(b) <= s.Size() {
				return append(dst, signExtend(b, s.Size())...), nil
			}
		}
		b, err := base64.StdEncoding.DecodeString(string(n.val))
		if n.kind != text || err != nil || len(b) != s.Size() {
			return dst, fmt.Errorf("avro: no base64 of %d bytes", s.Size())
		}
		return append(dst, b...), nil
	case *avro.NullSchema:
		if n.kind != null {
			return dst, errors.New("avro: not null")
		}
		return dst, nil
	case *avro.PrimitiveSchema:
		return r.appendPrimitive(dst, s, n)
	}
	return dst, fmt.Errorf("avro: cannot write %T", schema)
}

// plan finds a record's fields by the names of members.
type plan struct {
	targets map[string][]target
}

// target is a field, and how much a name counts for it: its own before its aliases, in their order.
type target struct{ field, rank int }

func (r *row) plan(s *avro.RecordSchema) *plan {
	if p := r.plans[s]; p != nil {
		return p
	}
	p := &plan{targets: map[string][]target{}}
	for i, f := range s.Fields() {
		for rank, name := range append([]string{f.Name()}, f.Aliases()...) {
			p.targets[name] = append(p.targets[name], target{i, rank})
		}
	}
	if r.plans == nil {
		r.plans = map[*avro.RecordSchema]*plan{}
	}
	r.plans[s] = p
	return p
}

// appendAvroRecord appends the members of an object in the order of the schema's fields. Of members
// with one name the first counts.
func (r *row) appendAvroRecord(dst []byte, s *avro.RecordSchema, n node) ([]byte, error) {
	p, fields := r.plan(s), s.Fields()
	base := len(r.found)
	defer func() { r.found, r.ranks = r.found[:base], r.ranks[:base] }()
	for range fields {
		r.found, r.ranks = append(r.found, node{kind: absent}), append(r.ranks, math.MaxInt)
	}
	for w := (walk{src: n.val}); ; {
		m, ok := w.next()
		if !ok {
			break
		}
		r.spare = r.spare[:0]
		for _, t := range p.targets[view(unquoted(&r.spare, w.key, w.esc))] {
			if t.rank < r.ranks[base+t.field] {
				r.found[base+t.field], r.ranks[base+t.field] = m, t.rank
			}
		}
	}
	var err error
	for i, f := range fields {
		if m := r.found[base+i]; m.kind != absent {
			dst, err = r.appendAvro(dst, f.Type(), m)
		} else {
			dst, err = appendMissing(dst, f)
		}
		if err != nil {
			return dst, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return dst, nil
}

func appendAvroItems(
	dst []byte, n node, item func([]byte, *walk, node) ([]byte, error),
) ([]byte, error) {
	count := int64(0)
	for w := (walk{src: n.val}); ; count++ {
		if _, ok := w.next(); !ok {
			break
		}
	}
	if count > 0 {
		dst = binary.AppendVarint(dst, count)
	}
	for w := (walk{src: n.val}); ; {
		e, ok := w.next()
		if !ok {
			return append(dst, 0), nil
		}
		var err error
		if dst, err = item(dst, &w, e); err != nil {
			return dst, err
		}
	}
}

func (r *row) appendPrimitive(dst []byte, s *avro.PrimitiveSchema, n node) ([]byte, error) {
	c := &column{required: true}
	logical := avro.LogicalType("")
	if s.Logical() != nil {
		logical = s.Logical().Type()
	}
	switch {
	case s.Type() == avro.String:
		if n.kind != text {
			return dst, errors.New("avro: no string")
		}
	case s.Type() == avro.Bytes && logical == avro.Decimal:
		d := s.Logical().(*avro.DecimalLogicalSchema)
		c.typ, c.precision, c.scale = tDecimal, d.Precision(), d.Scale()
	case logical == avro.TimeMillis:
		c.typ = tTimeMS
	case logical == avro.TimeMicros:
		c.typ = tTimeUS
	case s.Type() == avro.Bytes && logical == "":
		c.typ = tBinary
	case s.Type() == avro.Boolean:
		c.typ = tBoolean
	case s.Type() == avro.Float:
		c.typ = tFloat
	case s.Type() == avro.Double:
		c.typ = tDouble
	case logical == avro.TimestampMillis || logical == avro.LocalTimestampMillis:
		c.typ = tTimestampMS
	case logical == avro.TimestampMicros || logical == avro.LocalTimestampMicros:
		c.typ = tTimestampUS
	case logical == avro.Date && n.kind == text:
		c.typ = tDate
	case s.Type() == avro.Int:
		c.typ = tInt32
	case s.Type() == avro.Long:
		c.typ = tInt64
	default:
		return dst, fmt.Errorf("avro: cannot write %s %s", s.Type(), logical)
	}
	if n.kind == null {
		return dst, errors.New("avro: null")
	}
	v, ok := r.convert(c, &n)
	if !ok {
		return dst, fmt.Errorf("avro: %s is no %s", strconv.QuoteToASCII(string(n.val)), s.Type())
	}
	return appendAvroScalar(dst, c, v, true), nil
}

// appendMissing appends a field's default, or null where the field may be that.
func appendMissing(dst []byte, f *avro.Field) ([]byte, error) {
	if f.HasDefault() {
		text, err := json.Marshal(f.Default())
		if err != nil {
			return dst, err
		}
		var r row
		if f.Default() == nil {
			text = []byte("null")
		}
		n, err := root(text)
		if err != nil {
			return dst, err
		}
		return r.appendAvro(dst, f.Type(), n)
	}
	if u, ok := f.Type().(*avro.UnionSchema); ok {
		for i, branch := range u.Types() {
			if branch.Type() == avro.Null {
				return binary.AppendVarint(dst, int64(i)), nil
			}
		}
	}
	return dst, errors.New("avro: the field is missing and has no default")
}
