package admin

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
)

// tapRecord is one record of the live tap, a line of NDJSON. What is not UTF-8 stands in the field
// that ends in _base64.
type tapRecord struct {
	Time        time.Time   `json:"time"`
	Tag         string      `json:"tag"`
	Origin      string      `json:"origin,omitempty"`
	Offset      int64       `json:"offset"`
	Key         *string     `json:"key,omitempty"`
	KeyBase64   string      `json:"key_base64,omitempty"`
	Value       *string     `json:"value,omitempty"`
	ValueBase64 string      `json:"value_base64,omitempty"`
	Cut         bool        `json:"cut,omitempty"` // only the first tapValue bytes of value
	Headers     [][2]string `json:"headers,omitempty"`
}

// tapDropped tells a viewer what it has missed.
type tapDropped struct {
	Dropped int64 `json:"dropped"`
}

func newTapRecord(b *record.Batch, r *record.Record) tapRecord {
	out := tapRecord{Time: r.When(), Tag: b.Tag, Origin: b.Origin, Offset: r.Offset}
	out.Key, out.KeyBase64 = text(r.Key)
	value := r.Value
	if out.Cut = len(value) > tapValue; out.Cut {
		value = value[:tapValue]
		for i := 0; i < utf8.UTFMax && !utf8.Valid(value) && utf8.Valid(r.Value); i++ {
			value = value[:len(value)-1]
		}
	}
	out.Value, out.ValueBase64 = text(value)
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, [2]string{h.Key, string(h.Value)})
	}
	return out
}

func text(p []byte) (*string, string) {
	switch {
	case p == nil:
		return nil, ""
	case utf8.Valid(p):
		s := string(p)
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(p)
}
