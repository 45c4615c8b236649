package partition

import (
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

type jsonFinder []string

// JSONFields finds fields in JSON objects. The rest of the object is not checked.
func JSONFields(paths [][]string) (Finder, error) {
	f := make(jsonFinder, len(paths))
	for i, path := range paths {
		parts := make([]string, len(path))
		for j, p := range path {
			parts[j] = gjson.Escape(p)
		}
		f[i] = strings.Join(parts, ".")
	}
	return f, nil
}

func (f jsonFinder) Find(value []byte, field int) (Value, error) {
	if len(value) == 0 {
		return Value{}, nil
	}
	// gjson.GetBytes copies what it finds; this aliases value, which nobody writes to.
	r := gjson.Get(unsafe.String(unsafe.SliceData(value), len(value)), f[field])
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
