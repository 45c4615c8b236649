package format

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// ctype is the type of a column.
type ctype byte

const (
	tString ctype = iota
	tInt32
	tInt64
	tFloat
	tDouble
	tBoolean
	tTimestampMS
	tTimestampUS
	tTimestampNS
	tDate
	tJSON
	tBinary
	tGroup
	tList
)

// column is a node of a table's schema: a leaf, a group of columns, or a list of one.
type column struct {
	name     string
	path     []string // of the field, from the root
	typ      ctype
	required bool
	meta     metaField // filled from the record itself
	children []*column // of a group
	elem     *column   // of a list
	id       int       // its slot

	leaf         int // Parquet: index of the leaf, and its levels
	maxRep, defs byte
}

// metaField is what a column takes from a record and not from its value.
type metaField byte

const (
	noMeta metaField = iota
	metaTopic
	metaPartition
	metaOffset
	metaTime
	metaKey
	metaExtra
)

// tableSchema is a schema, and what finds a document's members in it.
type tableSchema struct {
	columns []*column
	slots   int
	leaves  int // Parquet: how many there are
	root    *trie
	extra   bool
}

type trie struct {
	col      *column // that the member fills
	children map[string]*trie
}

func (t *trie) at(path []string) *trie {
	for _, name := range path {
		next := t.children[name]
		if next == nil {
			next = &trie{children: map[string]*trie{}}
			t.children[name] = next
		}
		t = next
	}
	return t
}

// newTable numbers the columns and adds those of c that are not the value's.
func newTable(columns []*column, c *Config) *tableSchema {
	t := &tableSchema{root: &trie{children: map[string]*trie{}}, extra: c.Extra != ""}
	if t.extra {
		columns = append(columns, &column{name: c.Extra, typ: tJSON, meta: metaExtra})
	}
	if c.Metadata {
		columns = append(columns, &column{name: "_topic", typ: tString, meta: metaTopic}, &column{name: "_partition", typ: tInt32, meta: metaPartition},
			&column{name: "_offset", typ: tInt64, meta: metaOffset, required: true}, &column{name: "_time", typ: tTimestampMS, meta: metaTime, required: true},
			&column{name: "_key", typ: tBinary, meta: metaKey})
	}
	t.columns = columns
	var number func(cols []*column)
	number = func(cols []*column) {
		for _, col := range cols {
			col.id = t.slots
			t.slots++
			if col.meta == noMeta {
				t.root.at(col.path).col = col
			}
			number(col.children)
		}
	}
	number(columns)
	return t
}

// columnTypes are the types that can be declared.
var columnTypes = []string{
	tString: "string", tInt32: "int32", tInt64: "int64", tFloat: "float", tDouble: "double", tBoolean: "boolean",
	tTimestampMS: "timestamp_ms", tTimestampUS: "timestamp_us", tTimestampNS: "timestamp_ns", tDate: "date", tJSON: "json", tBinary: "binary",
}

func columnType(name string) ctype { return ctype(slices.Index(columnTypes, name)) }

func (t ctype) String() string { return columnTypes[t] }

func declared(columns []Column) []*column {
	out := make([]*column, len(columns))
	for i := range columns {
		c := &columns[i]
		out[i] = &column{name: c.Name, path: c.path(), typ: columnType(c.Type), required: c.Required}
	}
	return out
}

// row is one document laid out by a table. It is reused.
type row struct {
	doc   document
	slots []int32  // node of each column, -1 for none
	vals  []scalar // of each column that is a leaf and has a node
	extra []byte   // members that have no column, as JSON
	arena []byte   // bytes made here, kept until reset
	seen  []member // what stood at each node of the document before: most have the same members in the same order
}

// member is where a document's member led.
type member struct {
	at, next *trie
	name     string
}

// child returns what takes the member name of node j, nil if nothing does.
func (r *row) child(at *trie, j int, name []byte) *trie {
	for len(r.seen) <= j {
		r.seen = append(r.seen, member{})
	}
	m := &r.seen[j]
	if m.at == at && m.name == string(name) {
		return m.next
	}
	next := at.children[view(name)]
	if len(name) <= 64 {
		*m = member{at: at, next: next, name: string(name)}
	}
	return next
}

// scalar is one converted value: an integer, float bits, or bytes.
type scalar struct {
	n int64
	f float64
	b []byte
}

func (r *row) reset() { r.arena = r.arena[:0] }

// keep copies b to where it stays until reset.
func (r *row) keep(b []byte) []byte {
	start := len(r.arena)
	r.arena = append(r.arena, b...)
	return r.arena[start:len(r.arena):len(r.arena)]
}

// lay parses json and gives its members to columns. What has none, or does not fit, goes to extra; without an extra column it is an error, as is
// a required column without a value.
func (r *row) lay(t *tableSchema, json []byte) error {
	if err := r.doc.parse(json); err != nil {
		return err
	}
	if r.doc.nodes[0].kind != object {
		return errNoObject
	}
	if len(r.slots) < t.slots {
		r.slots, r.vals = make([]int32, t.slots), make([]scalar, t.slots)
	}
	for i := range t.slots {
		r.slots[i] = -1
	}
	r.extra = r.extra[:0]
	if err := r.members(t, t.root, 0, ""); err != nil {
		return err
	}
	return r.complete(t.columns)
}

func (r *row) complete(cols []*column) error {
	for _, c := range cols {
		if c.required && c.meta == noMeta && r.slots[c.id] < 0 {
			return fmt.Errorf("no field %s", strings.Join(c.path, "."))
		}
	}
	return nil
}

func (r *row) members(t *tableSchema, at *trie, parent int, prefix string) error {
	d := &r.doc
	for j := parent + 1; j < int(d.nodes[parent].next); j = int(d.nodes[j].next) {
		n := &d.nodes[j]
		name := d.name(n)
		next := r.child(at, j, name)
		if next != nil {
			if c := next.col; c != nil && r.fits(c, j) {
				r.slots[c.id] = int32(j)
				if c.typ != tGroup {
					continue
				}
			}
			if n.kind == object && len(next.children) > 0 {
				if err := r.members(t, next, j, prefix+string(name)+"."); err != nil {
					return err
				}
				continue
			}
		}
		if n.kind == null {
			continue
		}
		if !t.extra {
			return fmt.Errorf("no column takes the field %s%s", prefix, name)
		}
		sep := byte(',')
		if len(r.extra) == 0 {
			sep = '{'
		}
		r.extra = append(r.extra, sep)
		if prefix == "" {
			r.extra = appendString(r.extra, name)
		} else {
			r.extra = appendString(r.extra, append([]byte(prefix), name...))
		}
		r.extra = d.appendCompact(append(r.extra, ':'), j)
	}
	return nil
}

// extras returns the extra members as an object, or nil.
func (r *row) extras() []byte {
	if len(r.extra) == 0 {
		return nil
	}
	return r.keep(append(r.extra, '}'))
}

// fits tells whether node j can be a value of c, and converts it if c is a leaf.
func (r *row) fits(c *column, j int) bool {
	n := &r.doc.nodes[j]
	switch c.typ {
	case tGroup:
		return n.kind == object
	case tList:
		if n.kind != array {
			return false
		}
		for k := j + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
			if r.doc.nodes[k].kind != null {
				if _, ok := r.convert(c.elem.typ, k); !ok {
					return false
				}
			}
		}
		return true
	}
	if n.kind == null {
		return false
	}
	v, ok := r.convert(c.typ, j)
	r.vals[c.id] = v
	return ok
}

// convert makes a value of type t of node j, which is not null. It does so only where the value says
// exactly what the node does: a number that would be rounded, or a time cut, does not fit.
func (r *row) convert(t ctype, j int) (v scalar, ok bool) {
	n := &r.doc.nodes[j]
	switch t {
	case tString:
		if n.kind == text {
			return scalar{b: r.text(n)}, !n.escaped || !loneSurrogate(n.val)
		}
		return scalar{b: r.compact(j)}, true
	case tJSON:
		return scalar{b: r.compact(j)}, true
	case tBoolean:
		if n.kind == boolean && n.val[0] == 't' {
			v.n = 1
		}
		return v, n.kind == boolean
	case tInt32, tInt64:
		if v.n, ok = integer(n); t == tInt32 && v.n != int64(int32(v.n)) {
			ok = false
		}
		return v, ok
	case tFloat, tDouble:
		if n.kind != number {
			return v, false
		}
		bits := 64
		if t == tFloat {
			bits = 32
		}
		v.f, ok = float(n.val, bits)
		return v, ok
	case tTimestampMS, tTimestampUS, tTimestampNS:
		if n.kind != text {
			v.n, ok = integer(n)
			return v, ok
		}
		v.n, ok = timestamp(n.val, t)
		return v, ok
	case tDate:
		when, err := time.Parse(time.DateOnly, view(n.val))
		return scalar{n: floorDay(when.Unix())}, n.kind == text && err == nil
	case tBinary:
		if n.kind != text {
			return v, false
		}
		b, err := base64.StdEncoding.DecodeString(view(r.doc.text(n)))
		return scalar{b: b}, err == nil
	}
	return v, false
}

func floorDay(s int64) int64 { return (s - ((s%86400)+86400)%86400) / 86400 }

func (r *row) text(n *node) []byte {
	if !n.escaped {
		return n.val
	}
	return r.keep(r.doc.text(n))
}

func (r *row) compact(j int) []byte {
	n := &r.doc.nodes[j]
	if n.kind != text && n.kind != object && n.kind != array {
		return n.val
	}
	start := len(r.arena)
	r.arena = r.doc.appendCompact(r.arena, j)
	return r.arena[start:len(r.arena):len(r.arena)]
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
