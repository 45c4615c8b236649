package formats

import (
	"bytes"

	"github.com/penstock/penstock/buffer/record/jsontext"
)

var errNotJSON = &Error{"not_json", "the text is not one well-formed JSON object"}

// ParseJSON reads one JSON object.
func ParseJSON(text []byte, _ int64, out *Fields) error {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' || !jsontext.Valid(text) {
		return errNotJSON
	}
	out.Object = text
	return nil
}
