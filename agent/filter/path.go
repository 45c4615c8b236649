package filter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/network/wire"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/tidwall/gjson"
)

// Path is the compiled name of a field, such as "user.name". A dot that belongs to a name is
// written \.
type Path struct {
	names []string
	key   []byte // the first name as JSON
	last  []byte // the last one
	rest  string // what follows, in gjson's notation; "" for nothing
	whole string // all of it, in gjson's notation
}

// NewPath compiles a field name.
func NewPath(name string) (*Path, error) {
	if name == "" {
		return nil, errors.New("a field name must not be empty")
	}
	names := dialect.SplitNames(name)
	for _, n := range names {
		if n == "" {
			return nil, errors.New("a field name has an empty part: " + name)
		}
	}
	return PathOf(names), nil
}

// PathOf returns the path of nested names.
func PathOf(names []string) *Path {
	escaped := make([]string, len(names))
	for i, n := range names {
		escaped[i] = escapePath(n)
	}
	return &Path{
		names: names, key: wire.AppendJSONString(nil, []byte(names[0])),
		last: wire.AppendJSONString(nil, []byte(names[len(names)-1])),
		rest: strings.Join(escaped[1:], "."), whole: strings.Join(escaped, "."),
	}
}

// escapePath escapes what has a meaning to gjson and sjson.
func escapePath(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if strings.IndexByte(`\.*?|#@!{}[]()=<>%":~`, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// newPaths compiles the elements of the attribute called attr.
func newPaths(attr string, names []string) ([]*Path, error) {
	var out []*Path
	var errs []error
	for i, name := range names {
		p, err := NewPath(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", attr, i, err))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// source is the part of a record that a filter looks at.
type source struct {
	field  *Path // nil for none
	header string
}

func newSource(field, header string) (source, error) {
	if field == "" {
		return source{header: header}, nil
	}
	if header != "" {
		return source{}, errors.New("header: use either field or header")
	}
	p, err := NewPath(field)
	if err != nil {
		return source{}, errors.New("field: " + err.Error())
	}
	return source{field: p}, nil
}

// whole reports whether the part is all of the value.
func (s source) whole() bool { return s.field == nil && s.header == "" }

// text returns the part, or false if the record has none.
func (s source) text(v *View) ([]byte, bool) {
	switch {
	case s.header != "":
		return v.rec.Header(s.header)
	case s.field != nil:
		r := v.Get(s.field)
		if !r.Exists() {
			return nil, false
		}
		if r.Type == gjson.String {
			return bytesOf(r.Str), true
		}
		return bytesOf(r.Raw), true
	}
	return v.Value(), true
}
