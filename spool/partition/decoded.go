package partition

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
)

// decodedFinder looks into the JSON that a decoder makes of a value; for several fields of one
// value it is made once.
type decodedFinder struct {
	dec  decode.Decoder
	json jsonFinder
	of   []byte // the value that text was made of
	text []byte
	err  error
}

// DecodedFields finds fields in what dec makes of values.
func DecodedFields(dec decode.Decoder) Fields {
	return func(paths [][]string) (Finder, error) {
		f, err := JSONFields(paths)
		if err != nil {
			return nil, err
		}
		return &decodedFinder{dec: dec, json: f.(jsonFinder)}, nil
	}
}

// forget tells that the next value is another record's, even if it lies where the last one lay.
func (f *decodedFinder) forget() { f.of = nil }

func (f *decodedFinder) Find(r *record.Record, field int) (Value, error) {
	text, err := f.whole(r)
	if err != nil {
		return Value{}, err
	}
	return f.json.find(text, field)
}

// whole returns the JSON of a record's value, until it is called for another one.
func (f *decodedFinder) whole(r *record.Record) ([]byte, error) {
	value := r.Value
	if f.of == nil || len(f.of) != len(value) || unsafe.SliceData(f.of) != unsafe.SliceData(value) {
		if f.text, f.err = f.dec.AppendJSON(f.text[:0], value, r.Headers); f.err != nil &&
			errors.Is(f.err, decode.ErrUnavailable) {
			f.of = nil
			return nil, fmt.Errorf("find a field: %w", f.err)
		}
		f.of = value
	}
	return f.text, f.err
}
