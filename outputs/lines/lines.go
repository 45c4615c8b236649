package lines

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/recordline"
)

// Format is how a record becomes a line.
type Format string

const (
	Raw Format = "raw" // the value as it is
	// the value if it is JSON, on one line; otherwise {"message": the value}
	NDJSON Format = "ndjson"
	// one JSON object with time, tag, origin, key, headers and value, as in overflow objects
	Full Format = "full"
)

// Validate tells whether f is one of the formats.
func (f Format) Validate() error {
	switch f {
	case Raw, NDJSON, Full:
		return nil
	}
	return fmt.Errorf("must be raw, ndjson or full")
}

// Append appends the records of b, each with a line end.
func (f Format) Append(dst []byte, b *record.Batch) ([]byte, error) {
	recs, err := b.Records()
	if err != nil {
		return dst, err
	}
	for r := range recs {
		switch f {
		case Full:
			dst = recordline.AppendRecord(dst, b, r)
		case NDJSON:
			if dst, err = appendJSON(dst, r.Value); err != nil {
				return dst, err
			}
		default:
			dst = append(append(dst, r.Value...), '\n')
		}
	}
	return dst, nil
}

func appendJSON(dst, value []byte) ([]byte, error) {
	if json.Valid(value) {
		if bytes.IndexByte(value, '\n') < 0 {
			return append(append(dst, bytes.TrimSpace(value)...), '\n'), nil
		}
		buf := bytes.NewBuffer(dst)
		err := json.Compact(buf, value)
		return append(buf.Bytes(), '\n'), err
	}
	// What is not UTF-8 becomes U+FFFD here: full keeps every byte.
	p, err := json.Marshal(struct {
		Message string `json:"message"`
	}{string(value)})
	return append(append(dst, p...), '\n'), err
}
