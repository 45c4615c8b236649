package decode

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hamba/avro/v2"
	"github.com/penstock/penstock/buffer/record"
)

// AppendSchemaKey implements Schemas.
func (d *avroDecoder) AppendSchemaKey(
	dst, value []byte, headers []record.Header,
) ([]byte, error) {
	id, _, err := unframe(d.frame, value, headers)
	if err != nil {
		return dst, fmt.Errorf("avro: %w", err)
	}
	return appendSchemaID(dst, id), nil
}

// AvroBody implements AvroSchemas.
func (d *avroDecoder) AvroBody(value []byte, headers []record.Header) ([]byte, error) {
	_, body, err := unframe(d.frame, value, headers)
	return body, err
}

func (d *avroDecoder) keyed(key string) (*registeredAvro, error) {
	id, _, err := parseSchemaKey(key)
	if err != nil {
		return nil, err
	}
	r, err := d.schema(id)
	if err == nil && resolved(r.schema).Type() != avro.Record {
		err = fmt.Errorf("avro: schema %v: %w", id, errNoRecord)
	}
	return r, err
}

// AvroSchema implements AvroSchemas.
func (d *avroDecoder) AvroSchema(key string) (string, error) {
	r, err := d.keyed(key)
	if err != nil {
		return "", err
	}
	return r.text, nil
}

// Shape implements Schemas.
func (d *avroDecoder) Shape(key string) (*Shape, error) {
	r, err := d.keyed(key)
	if err != nil {
		return nil, err
	}
	var s shaper
	return s.avro(r.schema), nil
}

func resolved(s avro.Schema) avro.Schema {
	if ref, ok := s.(*avro.RefSchema); ok {
		return ref.Schema()
	}
	return s
}

func (s *shaper) avro(schema avro.Schema) *Shape {
	s.count++
	switch a := resolved(schema).(type) {
	case *avro.RecordSchema:
		if !s.enter(a.FullName()) {
			return &Shape{Type: shapeJSON}
		}
		defer s.leave()
		var fields []*Shape
		for _, f := range a.Fields() {
			// What is null in every record has no column, and no value in one.
			if resolved(f.Type()).Type() != avro.Null {
				field := s.avro(f.Type())
				field.Name = f.Name()
				fields = append(fields, field)
			}
		}
		return s.group(fields)
	case *avro.UnionSchema:
		var branch avro.Schema
		for _, t := range a.Types() {
			if resolved(t).Type() == avro.Null {
				continue
			}
			if branch != nil {
				return &Shape{Type: shapeJSON} // of several types
			}
			branch = t
		}
		if branch == nil {
			return &Shape{Type: shapeJSON}
		}
		return s.avro(branch)
	case *avro.ArraySchema:
		return s.list(s.avro(a.Items()))
	case *avro.FixedSchema:
		return avroBytes(a.Logical())
	case *avro.EnumSchema:
		return &Shape{Type: shapeString}
	case *avro.PrimitiveSchema:
		return avroScalar(a)
	}
	return &Shape{Type: shapeJSON}
}

func avroBytes(logical avro.LogicalSchema) *Shape {
	if d, ok := logical.(*avro.DecimalLogicalSchema); ok {
		return decimal(d.Precision(), d.Scale())
	}
	return &Shape{Type: "binary"}
}

func avroScalar(a *avro.PrimitiveSchema) *Shape {
	kind := avro.LogicalType("")
	if a.Logical() != nil {
		kind = a.Logical().Type()
	}
	typ := map[avro.LogicalType]string{
		avro.UUID: "uuid", avro.Date: "date", avro.TimeMillis: "time_ms", avro.TimeMicros: "time_us",
		avro.TimestampMillis: "timestamp_ms", avro.TimestampMicros: "timestamp_us",
		// A time of no zone is a text: the column of a timestamp is a point in time.
		avro.LocalTimestampMillis: shapeString, avro.LocalTimestampMicros: shapeString,
	}[kind]
	if typ != "" {
		return &Shape{Type: typ}
	}
	switch a.Type() {
	case avro.Boolean:
		typ = "boolean"
	case avro.Int:
		typ = "int32"
	case avro.Long:
		typ = "int64"
	case avro.Float:
		typ = "float"
	case avro.Double:
		typ = "double"
	case avro.Bytes:
		return avroBytes(a.Logical())
	default:
		typ = shapeString
	}
	return &Shape{Type: typ}
}

// avroInliner makes one text of a schema and those that it refers to: the first place where a type
// is named becomes its definition.
type avroInliner struct {
	types   map[string]map[string]any // definitions by full name
	defined map[string]bool
}

// inlineAvro returns text with the types of refs in it.
func inlineAvro(text string, refs []string) (string, error) {
	a := avroInliner{types: map[string]map[string]any{}, defined: map[string]bool{}}
	for _, ref := range refs {
		v, err := jsonValue(ref)
		if err != nil {
			return "", err
		}
		a.collect(v, "")
	}
	v, err := jsonValue(text)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(a.inline(v, ""))
	return string(out), err
}

func jsonValue(text string) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// fullName returns the name of a definition, and the namespace of what is in it.
func fullName(def map[string]any, space string) (full, inside string) {
	name, _ := def["name"].(string)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name, name[:i]
	}
	if ns, ok := def["namespace"].(string); ok {
		space = ns
	}
	return strings.TrimPrefix(space+"."+name, "."), space
}

func isNamed(def map[string]any) bool {
	switch def["type"] {
	case "record", "error", "enum", "fixed":
		return true
	}
	return false
}

// collect finds definitions.
func (a *avroInliner) collect(v any, space string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			a.collect(e, space)
		}
	case map[string]any:
		if isNamed(v) {
			full, inside := fullName(v, space)
			if a.types[full] == nil {
				a.types[full] = v
			}
			// Wherever it is put, it says what it is called.
			if name, _ := v["name"].(string); !strings.Contains(name, ".") {
				v["namespace"] = inside
			}
			space = inside
		}
		a.collect(v["type"], space)
		a.collect(v["items"], space)
		a.collect(v["values"], space)
		a.collect(v["fields"], space)
	}
}

// inline returns v with definitions in place of names that have none so far.
func (a *avroInliner) inline(v any, space string) any {
	switch v := v.(type) {
	case string:
		full := v
		if !strings.Contains(v, ".") && a.types[strings.TrimPrefix(space+"."+v, ".")] != nil {
			full = strings.TrimPrefix(space+"."+v, ".")
		}
		if def := a.types[full]; def != nil && !a.defined[full] {
			return a.inline(def, "")
		}
		return cmp.Or(full, v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = a.inline(e, space)
		}
		return out
	case map[string]any:
		if isNamed(v) {
			full, inside := fullName(v, space)
			if a.defined[full] {
				return full
			}
			a.defined[full] = true
			space = inside
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = e
		}
		for _, k := range []string{"type", "items", "values"} {
			if e, there := v[k]; there && !(k == "type" && isNamed(v)) {
				out[k] = a.inline(e, space)
			}
		}
		if fields, ok := v["fields"].([]any); ok {
			out["fields"] = a.inline(fields, space)
		}
		return out
	}
	return v
}
