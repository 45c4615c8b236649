package decode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record"
)

// Schemas is a Decoder of values that each say which schema they are of, or whose schema is known.
type Schemas interface {
	Decoder
	// AppendSchemaKey appends what the schema of a value is known by, for ever: a schema never
	// changes, a new version is another one. It asks nobody.
	AppendSchemaKey(dst, value []byte, headers []record.Header) ([]byte, error)
	// Shape returns what stands in the JSON of values whose schema has a key. An error may wrap
	// ErrUnavailable, though not for a schema by which a value was decoded.
	Shape(key string) (*Shape, error)
}

// AvroSchemas are Schemas of values in Avro's binary encoding.
type AvroSchemas interface {
	Schemas
	// AvroSchema returns the schema, as one text without references. It is a record.
	AvroSchema(key string) (text string, err error)
	// AvroBody returns the part of a value that is Avro.
	AvroBody(value []byte, headers []record.Header) ([]byte, error)
}

// Shape is what a schema says of the JSON that values become.
type Shape struct {
	Name             string
	Type             string   // of a column, see format.Column; or group, list
	Fields           []*Shape // of a group
	Elem             *Shape   // of a list: a scalar
	Precision, Scale int      // of a decimal
}

const (
	shapeGroup  = "group"
	shapeList   = "list"
	shapeJSON   = "json"
	shapeString = "string"
)

// Limits of shapes. What is nested beyond is JSON, and so is what is within itself.
const (
	maxShapes      = 1000
	maxShapeNested = 8
)

// maxDigits is how many a column of decimals takes.
const maxDigits = 38

// shaper makes a shape of a schema.
type shaper struct {
	count  int
	within []string // names of the records around
}

// enter notes that the fields of a record are looked at, unless they are to be JSON.
func (s *shaper) enter(name string) bool {
	if len(s.within) >= maxShapeNested || s.count >= maxShapes {
		return false
	}
	for _, n := range s.within {
		if n == name {
			return false
		}
	}
	s.within = append(s.within, name)
	return true
}

func (s *shaper) leave() { s.within = s.within[:len(s.within)-1] }

// group makes the shape of fields, or of JSON if there are none.
func (s *shaper) group(fields []*Shape) *Shape {
	if len(fields) == 0 {
		return &Shape{Type: shapeJSON}
	}
	return &Shape{Type: shapeGroup, Fields: fields}
}

// list makes the shape of a list of elements: of scalars only.
func (s *shaper) list(elem *Shape) *Shape {
	if elem.Type == shapeGroup || elem.Type == shapeList || elem.Type == shapeJSON {
		return &Shape{Type: shapeJSON}
	}
	elem.Name = "element"
	return &Shape{Type: shapeList, Elem: elem}
}

// decimal makes the shape of decimals.
func decimal(precision, scale int) *Shape {
	if precision < 1 || precision > maxDigits || scale < 0 || scale > precision {
		return &Shape{Type: shapeString}
	}
	return &Shape{Type: "decimal", Precision: precision, Scale: scale}
}

var idPrefixes = [...]string{confluentID: "", contentID: "c", globalID: "g"}

// appendSchemaID appends an id.
func appendSchemaID(dst []byte, id schemaID) []byte {
	return strconv.AppendUint(append(dst, idPrefixes[id.kind]...), id.id, 10)
}

// parseSchemaKey returns the id of a key, and what is behind that.
func parseSchemaKey(key string) (id schemaID, rest string, err error) {
	digits := strings.TrimLeft(key, "cg")
	for kind, prefix := range idPrefixes {
		if prefix == key[:len(key)-len(digits)] {
			id.kind = idKind(kind)
		}
	}
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if id.id, err = strconv.ParseUint(digits[:n], 10, 64); err != nil {
		return id, "", fmt.Errorf("key of a schema %q: %w", key, err)
	}
	return id, digits[n:], nil
}

var errNoRecord = errors.New("the schema is no record: there is nothing to make columns of")
