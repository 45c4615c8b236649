package filter

import (
	"errors"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/tidwall/gjson"
)

// path compiles a field name such as "user.name" for gjson and sjson. A dot that belongs to a name is written \.
func path(name string) (string, error) {
	if name == "" {
		return "", errors.New("a field name must not be empty")
	}
	var b strings.Builder
	empty := true
	for i := 0; i < len(name); i++ {
		switch c := name[i]; c {
		case '\\':
			if i+1 < len(name) {
				i++
			}
			b.WriteByte('\\')
			b.WriteByte(name[i])
			empty = false
		case '.':
			if empty {
				return "", errors.New("a field name has an empty part: " + name)
			}
			b.WriteByte('.')
			empty = true
		case '*', '?', '|', '#', '@', '!', '{', '}', '[', ']', '(', ')', '=', '<', '>', '%', '"', ':', '~':
			b.WriteByte('\\')
			b.WriteByte(c)
			empty = false
		default:
			b.WriteByte(c)
			empty = false
		}
	}
	if empty {
		return "", errors.New("a field name has an empty part: " + name)
	}
	return b.String(), nil
}

// isObject tells whether value is one well-formed JSON object.
func isObject(value []byte) bool {
	for _, c := range value {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			return gjson.ValidBytes(value)
		}
		return false
	}
	return false
}

// source is the part of a record that a filter looks at.
type source struct {
	field  string // compiled path; "" for none
	header string
}

func newSource(field, header string) (source, error) {
	if field == "" {
		return source{header: header}, nil
	}
	if header != "" {
		return source{}, errors.New("header: use either field or header")
	}
	p, err := path(field)
	if err != nil {
		return source{}, errors.New("field: " + err.Error())
	}
	return source{field: p}, nil
}

// text returns the part, or false if the record has none.
func (s source) text(r *record.Record) ([]byte, bool) {
	switch {
	case s.header != "":
		return r.Header(s.header)
	case s.field != "":
		if !isObject(r.Value) {
			return nil, false
		}
		v := gjson.GetBytes(r.Value, s.field)
		if !v.Exists() {
			return nil, false
		}
		return []byte(v.String()), true
	}
	return r.Value, true
}
