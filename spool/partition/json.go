package partition

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/penstock/penstock/buffer/record"
	"github.com/tidwall/gjson"
)

type jsonFinder []jsonField

type jsonField struct {
	path string // as gjson takes it
	name string // of a field at the top; "" for one further down
}

// JSONFields finds fields in JSON objects. The rest of the object is not checked.
func JSONFields(paths [][]string) (Finder, error) {
	f := make(jsonFinder, len(paths))
	for i, path := range paths {
		if len(path) == 1 {
			f[i].name = path[0]
		}
		parts := make([]string, len(path))
		for j, p := range path {
			parts[j] = gjson.Escape(p)
		}
		f[i].path = strings.Join(parts, ".")
	}
	return f, nil
}

func (f jsonFinder) Find(r *record.Record, field int) (Value, error) {
	return f.find(r.Value, field)
}

func (f jsonFinder) find(value []byte, field int) (Value, error) {
	if len(value) == 0 {
		return Value{}, nil
	}
	if name := f[field].name; name != "" {
		if v, sure := findText(value, name); sure {
			return v, nil
		}
	}
	// gjson.GetBytes copies what it finds; this aliases value, which nobody writes to.
	r := gjson.Get(unsafe.String(unsafe.SliceData(value), len(value)), f[field].path)
	switch r.Type {
	case gjson.String:
		return Value{Kind: Text, Text: unsafe.Slice(unsafe.StringData(r.Str), len(r.Str))}, nil
	case gjson.Number:
		return Value{Kind: Number, Text: unsafe.Slice(unsafe.StringData(r.Raw), len(r.Raw))}, nil
	case gjson.True:
		return Value{Kind: Bool, Int: 1}, nil
	case gjson.False:
		return Value{Kind: Bool}, nil
	case gjson.JSON:
		return Value{Kind: Other}, nil
	}
	return Value{}, nil
}

// findText finds a field at the top of an object if that is simple: a text without escapes, behind
// texts, numbers and literals. It returns what gjson would, or is not sure.
func findText(value []byte, name string) (v Value, sure bool) {
	i := skipSpace(value, 0)
	if i >= len(value) || value[i] != '{' {
		return v, false
	}
	for {
		if i = skipSpace(value, i+1); i >= len(value) || value[i] != '"' {
			return v, false
		}
		key := value[i+1:]
		n := bytes.IndexByte(key, '"')
		if n < 0 || bytes.IndexByte(key[:n], '\\') >= 0 {
			return v, false
		}
		key = key[:n]
		if i = skipSpace(value, i+n+2); i >= len(value) || value[i] != ':' {
			return v, false
		}
		if i = skipSpace(value, i+1); i >= len(value) {
			return v, false
		}
		found := string(key) == name
		switch c := value[i]; {
		case c == '"':
			text := value[i+1:]
			n := bytes.IndexByte(text, '"')
			if n < 0 || bytes.IndexByte(text[:n], '\\') >= 0 {
				return v, false
			}
			if found {
				return Value{Kind: Text, Text: text[:n]}, true
			}
			i += n + 2
		case found || c != '-' && c-'0' > 9 && c != 't' && c != 'f' && c != 'n':
			return v, false
		default:
			for i < len(value) && scalar[value[i]] {
				i++
			}
		}
		if i = skipSpace(value, i); i >= len(value) {
			return v, false
		}
		switch value[i] {
		case ',':
		case '}':
			return v, true
		default:
			return v, false
		}
	}
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && p[i] <= ' ' && (p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r') {
		i++
	}
	return i
}

// scalar are the bytes of numbers and literals.
var scalar = func() (t [256]bool) {
	for _, c := range []byte("0123456789+-.eEtrufalsn") {
		t[c] = true
	}
	return t
}()
