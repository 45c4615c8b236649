package partition

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unsafe"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/tidwall/gjson"
)

type jsonFinder []jsonField

type jsonField struct {
	path string // as gjson takes it
	// of a field at the top; "" for one further down, or that is written with escapes
	name string
}

// JSONFields finds fields in JSON objects. The rest of the object is not checked.
func JSONFields(paths [][]string) (Finder, error) {
	f := make(jsonFinder, len(paths))
	for i, path := range paths {
		if len(path) == 1 && !strings.ContainsAny(path[0], `"\\`) {
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
		if text, sure := findText(value, name); sure && text != nil {
			return Value{Kind: Text, Text: text}, nil
		} else if sure {
			return Value{}, nil
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
// texts, numbers and literals. It returns what gjson would, nil for none, or is not sure.
func findText(value []byte, name string) (found []byte, sure bool) {
	at, n, sure := textAt(value, name)
	if at < 0 {
		return nil, sure
	}
	return value[at : at+n : at+n], true
}

// textAt is findText, of where the text is and how long; at is -1 for none.
func textAt(value []byte, name string) (at, length int, sure bool) {
	i := skipSpace(value, 0)
	if i >= len(value) || value[i] != '{' {
		return -1, 0, false
	}
	for {
		if i = skipSpace(value, i+1); i >= len(value) || value[i] != '"' {
			return -1, 0, false
		}
		key := value[i+1:]
		is := len(key) > len(name) && key[len(name)] == '"' && string(key[:len(name)]) == name
		n := len(name)
		if !is {
			if n = plain(key); n < 0 {
				return -1, 0, false
			}
		}
		if i = skipSpace(value, i+n+2); i >= len(value) || value[i] != ':' {
			return -1, 0, false
		}
		if i = skipSpace(value, i+1); i >= len(value) {
			return -1, 0, false
		}
		switch c := value[i]; {
		case c == '"':
			text := value[i+1:]
			n := plain(text)
			if n < 0 {
				return -1, 0, false
			}
			if is {
				return i + 1, n, true
			}
			i += n + 2
		case is || c != '-' && c-'0' > 9 && c != 't' && c != 'f' && c != 'n':
			return -1, 0, false
		default:
			for i < len(value) && scalar[value[i]] {
				i++
			}
		}
		if i = skipSpace(value, i); i >= len(value) {
			return -1, 0, false
		}
		switch value[i] {
		case ',':
		case '}':
			return -1, 0, true
		default:
			return -1, 0, false
		}
	}
}

// plain returns the length of a string that p begins with, without its quotes; -1 if there is none,
// or it has escapes. Most are shorter than a search for one byte is worth, and of ASCII.
func plain(p []byte) int {
	i := 0
	for ; i < 32 && len(p)-i >= 8; i += 8 {
		found := msgpack.NotPlain(binary.LittleEndian.Uint64(p[i:]))
		if found == 0 {
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if p[i] == '"' {
			return i
		}
		break
	}
	n := bytes.IndexByte(p[i:], '"')
	if n < 0 || bytes.IndexByte(p[i:][:n], '\\') >= 0 {
		return -1
	}
	return i + n
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
