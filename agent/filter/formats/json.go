package formats

import (
	"bytes"

	"github.com/tidwall/gjson"
)

var (
	errNotJSON   = &Error{"not_json", "the text is not one well-formed JSON object"}
	errNotDocker = &Error{"not_docker", "the text is no line of Docker's json-file driver"}
)

// ParseJSON reads one JSON object.
func ParseJSON(text []byte, _ int64, out *Fields) error {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' || !gjson.ValidBytes(text) {
		return errNotJSON
	}
	out.Object = text
	return nil
}

// ParseDocker reads a line of Docker's json-file driver. The newline that ends log is left out;
// where there is none the line is a part, of 16 KiB, of a longer one.
func ParseDocker(text []byte, near int64, out *Fields) error {
	if ParseJSON(text, near, out) != nil {
		return errNotDocker
	}
	text, out.Object = out.Object, nil
	seen := false
	gjson.ParseBytes(text).ForEach(func(key, v gjson.Result) bool {
		name := key.String()
		switch {
		case name == "log" && v.Type == gjson.String:
			log, whole := bytes.CutSuffix([]byte(v.Str), []byte("\n"))
			out.add(name, log)
			if !whole {
				out.json("partial", []byte("true"))
			}
			seen = true
		default:
			if name == "time" {
				out.Time = []byte(v.String())
			}
			out.json(name, []byte(v.Raw))
		}
		return true
	})
	if !seen {
		return errNotDocker
	}
	return nil
}
