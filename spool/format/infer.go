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
	maxName    = 256            // bytes of a field's name
	maxFields  = 4 * maxColumns // looked at, of those that are seen first
	// A table has no more columns than minColumns and than its rows have bytes, times
	// columnsPerByte: a cell costs what a byte does, whether there is a value in it or not.
	minColumns     = 100
	columnsPerByte = 4
)

// sampler sees the records of a sample.
type sampler struct {
	root   shape
	fields int // seen, at any depth
	nested bool
	bytes  int64
}

// shape is what has been seen of a field.
type shape struct {
	name      string
	kinds     [array + 1]bool
	notInt    bool // a number that is written as a fraction, or no int64
	notDouble bool // a number that a double would round
	long      bool // a list of more elements than a column of lists takes
	members   []*shape
	byName    map[string]*shape
	elem      *shape
}

// see takes in n, which is what s stands for in a record.
func (a *sampler) see(s *shape, n node, depth int) {
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
		if depth < maxNesting && (a.nested || depth == 0) {
			a.inferMembers(s, n, depth)
		}
	case array:
		if s.elem == nil {
			s.elem = &shape{}
		}
		a.inferElements(s, n)
	}
}

func (a *sampler) inferMembers(s *shape, n node, depth int) {
	var spare []byte
	for w := (walk{src: n.val}); ; {
		v, ok := w.next()
		if !ok {
			return
		}
		spare = spare[:0]
		name := unquoted(&spare, w.key, w.esc)
		m := s.byName[view(name)]
		if m == nil {
			if a.fields >= maxFields || len(name) > maxName {
				continue
			}
			if s.byName == nil {
				s.byName = map[string]*shape{}
			}
			a.fields++
			m = &shape{name: string(name)}
			s.byName[m.name] = m
			s.members = append(s.members, m)
		}
		a.see(m, v, depth+1)
	}
}

// inferElements takes in the elements of a list: no more than their kinds, for lists of anything
// but scalars are JSON.
func (a *sampler) inferElements(s *shape, n node) {
	count := 0
	for w := (walk{src: n.val}); ; count++ {
		e, ok := w.next()
		if !ok {
			return
		}
		if s.long = s.long || count == maxElements; s.long {
			return
		}
		if e.kind == object || e.kind == array {
			s.elem.kinds[e.kind] = true
			continue
		}
		a.see(s.elem, e, 0)
	}
}

// columns returns the columns for the members of an object, in the order in which they were first
// seen. Names that differ in case alone are one to most readers: the first is a column, the others
// are extra.
func (s *shape) columns(path []string, c *Config, left *int) []*column {
	var out []*column
	taken := takenNames(len(path) == 0, c)
	for _, m := range s.members {
		if c.omits(path, m.name) {
			continue
		}
		name := columnName(m.name, c.ColumnCase)
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

// takenNames are those, in lower case, that columns of values cannot have.
func takenNames(top bool, c *Config) map[string]bool {
	taken := map[string]bool{}
	if top {
		taken[strings.ToLower(c.Extra)] = true
		for _, name := range []string{"_topic", "_partition", "_offset", "_time", "_key"} {
			taken[name] = taken[name] || c.Metadata
		}
	}
	return taken
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
		if e := s.elem; !s.long && !e.kinds[object] && !e.kinds[array] && e.scalarKinds() == 1 {
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

// avroName reports whether s is a name by Avro's rules.
func avroName(s string) bool { return s != "" && avroSafe(s) == s }

// avroSafe makes s one.
func avroSafe(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
			(c < '0' || c > '9' || i == 0) {
			out[i] = '_'
		}
	}
	return string(out)
}
