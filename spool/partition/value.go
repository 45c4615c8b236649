package partition

import (
	"strconv"
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
	Other   // an object, an array, bytes that are no text: nothing that a path or a time can be made of
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

// Finder finds fields in the values of records. It is made for a fixed set of paths; Find is called with an index into
// them, and, for several fields of one record, with the same value again. Not safe for concurrent use.
type Finder interface {
	Find(value []byte, field int) (Value, error)
}

// Fields makes a Finder for paths, each a list of nested names.
type Fields func(paths [][]string) (Finder, error)
