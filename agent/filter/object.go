package filter

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/network/wire"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// object is a JSON object taken apart, one level deep.
type object struct {
	state   objectState
	members []member
}

type objectState int

const (
	unread   objectState = iota
	noObject             // the value is none, or not well-formed
	taken                // members are those of the value
	edited               // the value is not made of members yet
)

// member is one name and its value.
type member struct {
	key   []byte // JSON, with the quotes
	value []byte // JSON
}

func (o *object) reset() { o.state, o.members = unread, o.members[:0] }

// take takes a value apart.
func (o *object) take(value []byte) {
	o.state, o.members = noObject, o.members[:0]
	if !isObject(value) {
		return
	}
	o.state = taken
	o.split(value)
}

// split lists the members of an object that is well-formed.
func (o *object) split(value []byte) {
	i := bytes.IndexByte(value, '{') + 1
	for {
		for value[i] != '"' {
			if value[i] == '}' {
				return
			}
			i++
		}
		end := skipString(value, i)
		m := member{key: value[i:end:end]}
		i = end
		for value[i] != ':' {
			i++
		}
		i++
		for value[i] <= ' ' {
			i++
		}
		end = skipValue(value, i)
		m.value = value[i:end:end]
		o.members = append(o.members, m)
		i = end
	}
}

// skipString returns the end of the string that begins at i; what it is in is well-formed.
func skipString(p []byte, i int) int {
	i++
	for {
		n := bytes.IndexByte(p[i:], '"')
		i += n
		back := i
		for p[back-1] == '\\' {
			back--
		}
		i++
		if (i-1-back)%2 == 0 {
			return i
		}
	}
}

// skipValue returns the end of the value that begins at i; what it is in is well-formed.
func skipValue(p []byte, i int) int {
	switch p[i] {
	case '"':
		return skipString(p, i)
	case '{', '[':
		depth := 0
		for {
			switch p[i] {
			case '"':
				i = skipString(p, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for p[i] != ',' && p[i] != '}' && p[i] != ']' && p[i] > ' ' {
		i++
	}
	return i
}

// named reports whether the member has the name.
func (m *member) named(name string) bool {
	inner := m.key[1 : len(m.key)-1]
	if len(inner) < len(name) {
		return false
	}
	if string(inner) == name {
		return bytes.IndexByte(inner, '\\') < 0
	}
	return len(inner) > len(name) && bytes.IndexByte(inner, '\\') >= 0 &&
		gjson.Parse(alias(m.key)).Str == name
}

// name returns the member's name, without a copy where it lies as such.
func (m *member) name() string {
	inner := m.key[1 : len(m.key)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return alias(inner)
	}
	return gjson.Parse(alias(m.key)).Str
}

// find returns the first member of that name, or -1.
func (o *object) find(name string) int {
	for i := range o.members {
		if o.members[i].named(name) {
			return i
		}
	}
	return -1
}

// drop removes the members of that name from i on, and reports whether there were any.
func (o *object) drop(name string, i int) bool {
	n := len(o.members)
	o.members = append(
		o.members[:i],
		slices.DeleteFunc(o.members[i:], func(m member) bool { return m.named(name) })...)
	return len(o.members) < n
}

func (o *object) set(names []string, key, raw []byte) bool {
	i := o.find(names[0])
	if len(names) > 1 {
		inner := []byte("{}")
		if i >= 0 {
			inner = o.members[i].value
		}
		var ok bool
		if raw, ok = setInside(inner, names[1:], raw); !ok {
			return false
		}
	}
	if i < 0 {
		o.members = append(o.members, member{key: key, value: raw})
		return true
	}
	o.members[i].value = raw
	o.drop(names[0], i+1) // names may repeat in JSON
	return true
}

func (o *object) remove(names []string) bool {
	i := o.find(names[0])
	if i < 0 {
		return false
	}
	if len(names) == 1 {
		return o.drop(names[0], i)
	}
	some := false
	for ; i < len(o.members); i++ {
		if m := &o.members[i]; m.named(names[0]) {
			if shorter, ok := removeInside(m.value, names[1:]); ok {
				m.value, some = shorter, true
			}
		}
	}
	return some
}

// each sets a field, wherever it stands if names repeat, to what edit returns for its JSON; nil
// leaves it. It reports whether it has set any.
func (o *object) each(names []string, edit func(raw []byte) []byte) (some bool) {
	for i := range o.members {
		if m := &o.members[i]; m.named(names[0]) {
			if out := eachInside(m.value, names[1:], edit); out != nil {
				m.value, some = out, true
			}
		}
	}
	return some
}

// eachInside is each in a value that is well-formed; it returns nil where it has set nothing. The
// names of an array's elements are their numbers.
func eachInside(value []byte, names []string, edit func(raw []byte) []byte) []byte {
	switch {
	case len(names) == 0:
		return edit(value)
	case value[0] == '{':
		var o object
		if o.split(value); o.each(names, edit) {
			return o.append(make([]byte, 0, o.size()))
		}
	case value[0] == '[':
		r := gjson.Get(alias(value), escapePath(names[0]))
		if !r.Exists() {
			return nil
		}
		if out := eachInside(bytesOf(r.Raw), names[1:], edit); out != nil {
			return slices.Concat(value[:r.Index], out, value[r.Index+len(r.Raw):])
		}
	}
	return nil
}

// setInside returns value, which is well-formed, with a field set. The names of an array's elements
// are their numbers.
func setInside(value []byte, names []string, raw []byte) ([]byte, bool) {
	switch value[0] {
	case '{':
		var o object
		o.split(value)
		if !o.set(names, wire.AppendJSONString(nil, []byte(names[0])), raw) {
			return nil, false
		}
		return o.append(make([]byte, 0, o.size())), true
	case '[':
		out, err := sjson.SetRawBytes(value, PathOf(names).whole, raw)
		return out, err == nil
	}
	return nil, false
}

func removeInside(value []byte, names []string) ([]byte, bool) {
	switch value[0] {
	case '{':
		var o object
		o.split(value)
		if !o.remove(names) {
			return nil, false
		}
		return o.append(make([]byte, 0, o.size())), true
	case '[':
		out, err := sjson.DeleteBytes(value, PathOf(names).whole)
		return out, err == nil && len(out) < len(value)
	}
	return nil, false
}

// merge sets all of members, in the place of those of the same name.
func (o *object) merge(members []member) {
	if len(members)*len(o.members) > 1024 {
		o.mergeMany(members)
		return
	}
	at := len(o.members)
	for _, m := range members {
		name := m.name()
		if i := o.find(name); i >= 0 && i < at {
			o.members[i].value = m.value
			before := len(o.members)
			o.drop(name, i+1) // names may repeat
			at -= before - len(o.members)
		} else {
			o.members = append(o.members, m)
		}
	}
}

// mergeMany is merge where looking for each name takes too long.
func (o *object) mergeMany(members []member) {
	index := make(map[string]int, len(o.members))
	for i := range o.members {
		if name := o.members[i].name(); index[name] == 0 {
			index[name] = i + 1
		}
	}
	at, set := len(o.members), map[string]bool{}
	for _, m := range members {
		name := m.name()
		if i := index[name]; i > 0 {
			o.members[i-1].value, set[name] = m.value, true
		} else {
			o.members = append(o.members, m)
		}
	}
	out := o.members[:0]
	for i, m := range o.members {
		if name := m.name(); i >= at || !set[name] || index[name] == i+1 { // names may repeat
			out = append(out, m)
		}
	}
	o.members = out
}

// size returns the length of the text.
func (o *object) size() int {
	n := 2
	for i := range o.members {
		n += len(o.members[i].key) + len(o.members[i].value) + 2
	}
	return max(2, n-1)
}

// append appends the text.
func (o *object) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, o.members[i].key...)
		dst = append(dst, ':')
		dst = append(dst, o.members[i].value...)
	}
	return append(dst, '}')
}

// firstByte returns the first byte that is no space, or 0.
func firstByte(text []byte) byte {
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c
	}
	return 0
}

// beginsObject reports whether a value may be an object.
func beginsObject(value []byte) bool { return firstByte(value) == '{' }

// isObject reports whether value is one well-formed JSON object.
func isObject(value []byte) bool { return beginsObject(value) && jsontext.Valid(value) }

// alias returns p as a string without a copy. Nobody writes to what records hold.
func alias(p []byte) string { return unsafe.String(unsafe.SliceData(p), len(p)) }

// bytesOf returns s as bytes without a copy, to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
