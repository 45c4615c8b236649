package decode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record"
)

// AppendSchemaKey implements Schemas: the id of the schema, and its message as the value names it.
func (d *protobufDecoder) AppendSchemaKey(
	dst, value []byte, headers []record.Header,
) ([]byte, error) {
	id, body, err := unframe(d.frame, value, headers)
	if err != nil {
		return dst, fmt.Errorf("protobuf: %w", err)
	}
	// What descriptors of a file say, they say of all values.
	if d.frame != noFrame && d.given == nil {
		dst = appendSchemaID(dst, id)
	} else {
		dst = append(dst, '0')
	}
	switch {
	case d.name != "" || d.frame == noFrame:
		return dst, nil
	case d.frame != confluentFrame:
		name, _, err := messageName(d.frame, body, headers)
		return append(append(dst, ' '), name...), err
	}
	path, _, err := messageIndexes(body)
	for _, i := range path {
		dst = strconv.AppendInt(append(dst, 'x'), i, 10)
	}
	if err != nil {
		return dst, fmt.Errorf("protobuf: %w", err)
	}
	return dst, nil
}

// Shape implements Schemas.
func (d *protobufDecoder) Shape(key string) (*Shape, error) {
	id, rest, err := parseSchemaKey(key)
	if err != nil {
		return nil, err
	}
	pool := d.given
	if pool == nil {
		if pool, err = d.schema(id); err != nil {
			return nil, err
		}
	}
	m := d.message
	switch name, named := strings.CutPrefix(rest, " "); {
	case named:
		m, err = pool.ofFile(name)
	case rest != "":
		var path []int64
		for _, text := range strings.Split(rest[1:], "x") {
			i, wrong := strconv.ParseInt(text, 10, 64)
			err = errors.Join(err, wrong)
			path = append(path, i)
		}
		if err == nil {
			m, err = pool.at(path)
		}
	case m == nil:
		m, err = pool.find(d.name)
	}
	if err != nil {
		return nil, fmt.Errorf("protobuf: schema %v: %w", id, err)
	}
	var s shaper
	shape := s.proto(m)
	if shape.Type != shapeGroup {
		return nil, fmt.Errorf("protobuf: schema %v: %w", id, errNoRecord)
	}
	return shape, nil
}

func (s *shaper) proto(m *protoMessage) *Shape {
	switch m.known {
	case knownTimestamp:
		return &Shape{Type: "timestamp_ns"}
	case knownDate:
		return &Shape{Type: "date"}
	case knownDuration, knownDecimal:
		return &Shape{Type: shapeString}
	case knownWrapper:
		if len(m.fields) == 1 {
			return protoScalar(m.fields[0].kind)
		}
	}
	if m.known != 0 || !s.enter(m.name) {
		return &Shape{Type: shapeJSON}
	}
	defer s.leave()
	var fields []*Shape
	for _, f := range m.fields {
		s.count++
		var field *Shape
		switch {
		case f.isMap():
			field = &Shape{Type: shapeJSON}
		case f.message != nil:
			field = s.proto(f.message)
		default:
			field = protoScalar(f.kind)
		}
		if f.repeated && !f.isMap() {
			field = s.list(field)
		}
		field.Name = f.name
		fields = append(fields, field)
	}
	return s.group(fields)
}

func protoScalar(k protoKind) *Shape {
	switch k {
	case protoDouble:
		return &Shape{Type: "double"}
	case protoFloat:
		return &Shape{Type: "float"}
	case protoInt32, protoSint32, protoSfixed32:
		return &Shape{Type: "int32"}
	case protoInt64, protoSint64, protoSfixed64, protoUint32, protoFixed32:
		return &Shape{Type: "int64"}
	case protoUint64, protoFixed64:
		return decimal(20, 0)
	case protoBool:
		return &Shape{Type: "boolean"}
	case protoBytes:
		return &Shape{Type: "binary"}
	}
	return &Shape{Type: shapeString}
}
