package format

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of an inferred schema; what lies beyond goes to the extra column.
const (
	maxColumns = 1000
	maxNesting = 8
)

// shape is what has been seen of a field.
type shape struct {
	name      string
	kinds     [array + 1]bool
	notInt    bool // a number that is written as a fraction, or no int64
	notDouble bool // a number that a double would round
	members   []*shape
	byName    map[string]*shape
	elem      *shape
}

// see takes in node j of a document.
func (s *shape) see(d *document, j, depth int) {
	n := &d.nodes[j]
	s.kinds[n.kind] = true
	switch n.kind {
	case number:
		if _, err := strconv.ParseInt(view(n.val), 10, 64); err != nil {
			s.notInt = true
		}
		if _, exact := float(n.val, 64); !exact {
			s.notDouble = true
		}
	case object:
		for k := j + 1; k < int(n.next) && depth < maxNesting; k = int(d.nodes[k].next) {
			name := d.name(&d.nodes[k])
			m := s.byName[view(name)]
			if m == nil {
				if len(s.members) >= maxColumns {
					continue
				}
				if s.byName == nil {
					s.byName = map[string]*shape{}
				}
				m = &shape{name: string(name)}
				s.byName[m.name] = m
				s.members = append(s.members, m)
			}
			m.see(d, k, depth+1)
		}
	case array:
		if s.elem == nil {
			s.elem = &shape{}
		}
		for k := j + 1; k < int(n.next); k = int(d.nodes[k].next) {
			s.elem.see(d, k, depth+1)
		}
	}
}

// columns returns the columns for the members of an object, in the order in which they were first seen. Names that differ in case alone
// are one to most readers: the first is a column, the others are extra.
func (s *shape) columns(path []string, c *Config, left *int) []*column {
	var out []*column
	taken := map[string]bool{}
	if len(path) == 0 {
		taken[strings.ToLower(c.Extra)] = true
		for _, name := range []string{"_topic", "_partition", "_offset", "_time", "_key"} {
			taken[name] = taken[name] || c.Metadata
		}
	}
	for _, m := range s.members {
		name := m.name
		if c.Type == "avro" {
			name = avroSafe(name)
		}
		if key := strings.ToLower(name); name != "" && !taken[key] && *left > 0 {
			if col := m.column(name, append(slices.Clip(path), m.name), c, left); col != nil {
				taken[key] = true
				out = append(out, col)
			}
		}
	}
	return out
}

// column returns the column for what has been seen, or nil if that was nothing but nulls.
func (s *shape) column(name string, path []string, c *Config, left *int) *column {
	col := &column{name: name, path: path}
	*left--
	scalars := s.kinds[text] || s.kinds[number] || s.kinds[boolean]
	switch {
	case s.kinds[object] && !scalars && !s.kinds[array]:
		if col.typ = tJSON; c.Nested == "group" {
			if children := s.columns(path, c, left); len(children) > 0 {
				col.typ, col.children = tGroup, children
			}
		}
	case s.kinds[array] && !scalars && !s.kinds[object]:
		col.typ = tJSON
		if e := s.elem; !e.kinds[object] && !e.kinds[array] && e.scalarKinds() == 1 {
			if elem := e.column("element", nil, c, left); elem != nil {
				col.typ, col.elem = tList, elem
			}
		}
	case s.kinds[object] || s.kinds[array]:
		col.typ = tJSON
	case s.kinds[text] && !s.kinds[number] && !s.kinds[boolean]:
		col.typ = tString
	case s.kinds[number] && !s.kinds[text] && !s.kinds[boolean]:
		switch { // the first that holds all of the sample as it is
		case !s.notInt:
			col.typ = tInt64
		case !s.notDouble:
			col.typ = tDouble
		default:
			col.typ = tString
		}
	case s.kinds[boolean] && !s.kinds[text] && !s.kinds[number]:
		col.typ = tBoolean
	case scalars:
		col.typ = tString
	default:
		*left++
		return nil
	}
	return col
}

// scalarKinds counts the kinds of values seen that are neither null nor nested.
func (s *shape) scalarKinds() int {
	n := 0
	for _, k := range []kind{text, number, boolean} {
		if s.kinds[k] {
			n++
		}
	}
	return n
}

// avroName tells whether s is a name by Avro's rules.
func avroName(s string) bool { return s != "" && avroSafe(s) == s }

// avroSafe makes s one.
func avroSafe(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9' || i == 0) {
			out[i] = '_'
		}
	}
	return string(out)
}
