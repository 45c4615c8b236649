package format

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hamba/avro/v2"
)

// appendAvro appends node j as a value of a given schema. Members that the schema does not have are left out, as Avro's schema resolution does; fields
// that are missing take their default.
func (r *row) appendAvro(dst []byte, schema avro.Schema, j int) ([]byte, error) {
	n := &r.doc.nodes[j]
	switch s := schema.(type) {
	case *avro.RefSchema:
		return r.appendAvro(dst, s.Schema(), j)
	case *avro.RecordSchema:
		if n.kind != object {
			return dst, fmt.Errorf("avro: %s is no object", s.Name())
		}
		var err error
		for _, f := range s.Fields() {
			k := r.doc.find(j, []string{f.Name()})
			for _, alias := range f.Aliases() {
				if k < 0 {
					k = r.doc.find(j, []string{alias})
				}
			}
			if k >= 0 {
				dst, err = r.appendAvro(dst, f.Type(), k)
			} else {
				dst, err = appendMissing(dst, f)
			}
			if err != nil {
				return dst, fmt.Errorf("%s: %w", f.Name(), err)
			}
		}
		return dst, nil
	case *avro.UnionSchema:
		for i, branch := range s.Types() {
			if out, err := r.appendAvro(binary.AppendVarint(dst, int64(i)), branch, j); err == nil {
				return out, nil
			}
		}
		return dst, errors.New("avro: no branch of the union fits")
	case *avro.ArraySchema:
		if n.kind != array {
			return dst, errors.New("avro: no array")
		}
		return r.appendAvroItems(dst, j, func(dst []byte, k int) ([]byte, error) { return r.appendAvro(dst, s.Items(), k) })
	case *avro.MapSchema:
		if n.kind != object {
			return dst, errors.New("avro: no object for a map")
		}
		return r.appendAvroItems(dst, j, func(dst []byte, k int) ([]byte, error) {
			return r.appendAvro(appendBytes(dst, r.doc.name(&r.doc.nodes[k])), s.Values(), k)
		})
	case *avro.EnumSchema:
		if n.kind == text {
			name := string(r.doc.text(n))
			for i, symbol := range s.Symbols() {
				if symbol == name {
					return binary.AppendVarint(dst, int64(i)), nil
				}
			}
		}
		return dst, fmt.Errorf("avro: %s is no symbol of %s", n.val, s.Name())
	case *avro.FixedSchema:
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
		return r.appendPrimitive(dst, s, j)
	}
	return dst, fmt.Errorf("avro: cannot write %T", schema)
}

func (r *row) appendAvroItems(dst []byte, j int, item func([]byte, int) ([]byte, error)) ([]byte, error) {
	n := &r.doc.nodes[j]
	count := int64(0)
	for k := j + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
		count++
	}
	if count > 0 {
		dst = binary.AppendVarint(dst, count)
	}
	var err error
	for k := j + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
		if dst, err = item(dst, k); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func (r *row) appendPrimitive(dst []byte, s *avro.PrimitiveSchema, j int) ([]byte, error) {
	n := &r.doc.nodes[j]
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
	v, ok := r.convert(c.typ, j)
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
		if err := r.doc.parse(text); err != nil {
			return dst, err
		}
		return r.appendAvro(dst, f.Type(), 0)
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
