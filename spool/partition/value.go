package partition

import (
	"strconv"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/timefmt"
)

// Kind is the type of a Value.
type Kind uint8

const (
	Missing Kind = iota // no such field, or null
	Text
	Number  // a number as it is written, in Text
	Integer // in Int
	Float   // in Float
	Bool    // in Int
	Instant // nanoseconds since the Unix epoch, in Int
	// an object, an array, bytes that are no text: nothing that a path or a time can be made of
	Other
)

// Value is one field of a record. Text aliases the record.
type Value struct {
	Kind  Kind
	Text  []byte
	Int   int64
	Float float64
}

// AppendTo appends the value as text.
func (v *Value) AppendTo(dst []byte) []byte {
	switch v.Kind {
	case Text, Number:
		return append(dst, v.Text...)
	case Integer, Instant:
		return strconv.AppendInt(dst, v.Int, 10)
	case Float:
		return strconv.AppendFloat(dst, v.Float, 'g', -1, 64)
	case Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	}
	return dst
}

// readTime reads the value of a time field; near is the record's own time, for what the field
// leaves out.
func readTime(f *timefmt.Format, m *timefmt.Memo, v *Value, near int64) (int64, error) {
	switch v.Kind {
	case Instant:
		return v.Int, nil
	case Integer:
		return f.Integer(v.Int, near)
	case Float:
		return f.Float(v.Float)
	case Number, Text:
		return f.TextMemo(m, v.Text, near)
	}
	return 0, timefmt.ErrNotATime
}

// Finder finds fields in the values of records. It is made for a fixed set of paths; Find is called
// with an index into them, and, for several fields of one record, with the same value again. One
// that keeps something of the value has a method forget, which is called before the next record.
// Not safe for concurrent use.
type Finder interface {
	Find(r *record.Record, field int) (Value, error)
}

// Fields makes a Finder for paths, each a list of nested names.
type Fields func(paths [][]string) (Finder, error)
