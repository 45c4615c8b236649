package format

import (
	"encoding/binary"
	"encoding/json"
	"math"
)

// avro returns the schema as JSON text.
func (t *tableSchema) avro() string {
	var group func(name string, columns []*column) map[string]any
	var of func(c *column, name string) any
	of = func(c *column, name string) any {
		logical := func(base, kind string) any { return map[string]any{"type": base, "logicalType": kind} }
		var v any
		switch c.typ {
		case tGroup:
			v = group(name, c.children)
		case tList:
			v = map[string]any{"type": "array", "items": of(c.elem, name)}
		case tInt32:
			v = "int"
		case tInt64:
			v = "long"
		case tFloat:
			v = "float"
		case tDouble:
			v = "double"
		case tBoolean:
			v = "boolean"
		case tTimestampMS:
			v = logical("long", "timestamp-millis")
		case tTimestampUS:
			v = logical("long", "timestamp-micros")
		case tTimestampNS:
			v = logical("long", "timestamp-nanos")
		case tDate:
			v = logical("int", "date")
		case tTimeMS:
			v = logical("int", "time-millis")
		case tTimeUS:
			v = logical("long", "time-micros")
		case tBinary:
			v = "bytes"
		case tDecimal:
			v = map[string]any{
				"type": "bytes", "logicalType": "decimal", "precision": c.precision, "scale": c.scale,
			}
		case tUUID:
			v = logical("string", "uuid")
		default:
			v = "string"
		}
		if c.required {
			return v
		}
		return []any{"null", v}
	}
	group = func(name string, columns []*column) map[string]any {
		fields := []any{}
		for _, c := range columns {
			f := map[string]any{"name": c.name, "type": of(c, name+"_"+c.name)}
			if !c.required {
				f["default"] = nil
			}
			fields = append(fields, f)
		}
		return map[string]any{"type": "record", "name": name, "fields": fields}
	}
	text, err := json.Marshal(group("record", t.columns))
	if err != nil {
		panic(err) // maps of strings
	}
	return string(text)
}

// appendAvro appends a laid row in Avro's binary encoding.
func (t *tableSchema) appendAvro(dst []byte, r *row, s *stagedRow) []byte {
	for _, c := range t.columns {
		if c.meta != noMeta {
			v, ok := c.metaValue(r, s)
			dst = appendAvroScalar(dst, c, v, ok)
			continue
		}
		dst = appendAvroColumn(dst, c, r)
	}
	return dst
}

func appendAvroColumn(dst []byte, c *column, r *row) []byte {
	present := r.has(c)
	switch c.typ {
	case tGroup:
		if !present {
			return append(dst, 0)
		}
		dst = append(dst, 2)
		for _, child := range c.children {
			dst = appendAvroColumn(dst, child, r)
		}
		return dst
	case tList:
		if !present {
			return append(dst, 0)
		}
		dst = append(dst, 2)
		list := r.slots[c.id].val
		n := int64(0)
		for w := (walk{src: list}); ; n++ {
			if _, ok := w.next(); !ok {
				break
			}
		}
		if n > 0 {
			dst = binary.AppendVarint(dst, n)
		}
		for w := (walk{src: list}); ; {
			e, ok := w.next()
			if !ok {
				break
			}
			var v scalar
			if e.kind != null {
				v, _ = r.convert(c.elem, &e) // fits has seen that it can be
			}
			dst = appendAvroScalar(dst, c.elem, v, e.kind != null)
		}
		return append(dst, 0)
	}
	return appendAvroScalar(dst, c, r.vals[c.id], present)
}

func appendAvroScalar(dst []byte, c *column, v scalar, present bool) []byte {
	if !c.required {
		if !present {
			return append(dst, 0)
		}
		dst = append(dst, 2)
	}
	switch c.typ {
	case tInt32, tInt64, tTimestampMS, tTimestampUS, tTimestampNS, tDate, tTimeMS, tTimeUS:
		return binary.AppendVarint(dst, v.n)
	case tFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.float())))
	case tDouble:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.n))
	case tBoolean:
		return append(dst, byte(v.n))
	case tUUID:
		return appendBytes(dst, uuidText(v.b))
	}
	return appendBytes(dst, v.b)
}
