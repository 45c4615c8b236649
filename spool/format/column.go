package format

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/hamba/avro/v2"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/spool/format/decode"
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
	tDecimal
	tUUID
	tTimeMS
	tTimeUS
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

	precision, scale int  // of a decimal
	anyFloat         bool // a float may be a text: one that is no number

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
	leaves  int   // Parquet: how many there are
	lists   []int // Parquet: leaves that are elements
	root    *trie
	extra   bool
}

type trie struct {
	col      *column // that the member fills
	all      []int   // slots of all columns that it fills, by declaration
	children map[string]*trie
	omit     bool // left out of the file
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
		columns = append(
			columns,
			&column{name: "_topic", typ: tString, meta: metaTopic},
			&column{name: "_partition", typ: tInt32, meta: metaPartition},
			&column{
				name:     "_offset",
				typ:      tInt64,
				meta:     metaOffset,
				required: true,
			},
			&column{name: "_time", typ: tTimestampMS, meta: metaTime, required: true},
			&column{name: "_key", typ: tBinary, meta: metaKey},
		)
	}
	t.columns = columns
	var number func(cols []*column)
	number = func(cols []*column) {
		for _, col := range cols {
			col.id = t.slots
			t.slots++
			if col.meta == noMeta {
				at := t.root.at(col.path)
				at.col, at.all = col, append(at.all, col.id)
			}
			number(col.children)
		}
	}
	number(columns)
	for _, path := range c.Omit {
		if at := t.root.at(dialect.SplitNames(path)); at.col == nil {
			at.omit = true
		}
	}
	return t
}

// columnTypes are the types that can be declared.
var columnTypes = []string{
	tString:      "string",
	tInt32:       "int32",
	tInt64:       "int64",
	tFloat:       "float",
	tDouble:      "double",
	tBoolean:     "boolean",
	tTimestampMS: "timestamp_ms",
	tTimestampUS: "timestamp_us",
	tTimestampNS: "timestamp_ns",
	tDate:        "date",
	tJSON:        "json",
	tBinary:      "binary",
	tDecimal:     "decimal",
	tUUID:        "uuid",
	tTimeMS:      "time_ms",
	tTimeUS:      "time_us",
}

func columnType(name string) ctype { return ctype(slices.Index(columnTypes, name)) }

func (t ctype) String() string { return columnTypes[t] }

func declared(columns []Column) []*column {
	out := make([]*column, len(columns))
	for i := range columns {
		c := &columns[i]
		out[i] = &column{
			name:     c.Name,
			path:     c.path(),
			typ:      columnType(c.Type),
			required: c.Required,

			precision: cmp.Or(c.Precision, maxPrecision),
			scale:     c.Scale,
		}
	}
	return out
}

// row is one document laid out by a table. It is reused.
type row struct {
	src    []byte
	slots  []node   // value of each column, absent for none
	vals   []scalar // of each column that is a leaf and has a value
	extra  []byte   // members that have no column, as JSON
	most   int      // how long it may become
	arena  []byte   // bytes made here, kept until reset
	spare  []byte   // unescaped names
	prefix []byte   // names of the objects around a member, each with a dot
	plans  map[*avro.RecordSchema]*plan
	found  []node
	ranks  []int
	// what stood at each member before: most documents have the same in the same order
	seen  []member
	count int // members so far
}

// member is where a document's member led.
type member struct {
	at, next *trie
	name     string
}

const (
	maxSeen   = 4096    // members whose place is remembered
	arenaSize = 4 << 10 // at least, at a time
	largeRow  = 64 << 10
)

// child returns what takes the member name of a document, nil if nothing does.
func (r *row) child(at *trie, name []byte) *trie {
	j := r.count
	if r.count++; j >= len(r.seen) {
		if j >= maxSeen {
			return at.children[view(name)]
		}
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

// scalar is one converted value: an integer, the bits of a float64, or bytes. Of four words it is
// kept in registers; of more it would be copied in ways that a processor waits for.
type scalar struct {
	n int64
	b []byte
}

func floatScalar(f float64) scalar { return scalar{n: int64(math.Float64bits(f))} }
func (v scalar) float() float64    { return math.Float64frombits(uint64(v.n)) }

// reset lets go of what was made for the rows so far.
func (r *row) reset() {
	if r.arena = r.arena[:0]; cap(r.arena) > largeRow {
		r.arena = nil
	}
	if cap(r.extra) > largeRow {
		r.extra = nil
	}
}

// room makes room for n bytes in the arena. What is in use stays where it is.
func (r *row) room(n int) {
	if cap(r.arena)-len(r.arena) < n {
		r.arena = make([]byte, 0, max(n, arenaSize, min(2*cap(r.arena), largeRow)))
	}
}

// keep copies b to where it stays until reset.
func (r *row) keep(b []byte) []byte {
	r.room(len(b))
	start := len(r.arena)
	r.arena = append(r.arena, b...)
	return r.arena[start:len(r.arena):len(r.arena)]
}

// errWhole tells that the names before the extra members would make a row longer than its record.
var errWhole = errors.New("the record as a whole is extra")

// setColumns gives the members of json to columns. What has none, or does not fit, goes to extra;
// without an extra column it is an error, as is a required column without a value.
func (r *row) setColumns(t *tableSchema, json []byte) error {
	if !utf8.Valid(json) {
		return explain(json)
	}
	r.begin(t, json)
	i := skipSpace(json, 0)
	if i == len(json) || json[i] != '{' {
		if err := valid(json); err != nil {
			return err
		}
		return errNoObject
	}
	next, err := r.members(t, t.root, i, 0)
	if err == errWhole {
		if next = skipValue(json, i, 0); next >= 0 {
			r.begin(t, json)
			r.extra = appendCompact(
				slices.Grow(r.extra[:0], next-i), node{kind: object, val: json[i:next]},
			)
			r.extra, err = r.extra[:len(r.extra)-1], nil
		}
	}
	if err != nil {
		if wrong := valid(json); wrong != nil {
			return wrong
		}
		return err
	}
	if next < 0 || skipSpace(json, next) != len(json) {
		return explain(json)
	}
	return r.complete(t.columns)
}

func (r *row) begin(t *tableSchema, json []byte) {
	if len(r.slots) < t.slots {
		r.slots, r.vals = make([]node, t.slots), make([]scalar, t.slots)
	}
	for i := range t.slots {
		r.slots[i] = node{kind: absent}
	}
	r.src, r.extra, r.spare, r.prefix, r.count = json, r.extra[:0], r.spare[:0], r.prefix[:0], 0
	r.most = len(json) + largeRow
}

// has reports whether column c has a value.
func (r *row) has(c *column) bool { return r.slots[c.id].kind != absent }

func (r *row) complete(cols []*column) error {
	for _, c := range cols {
		if c.required && c.meta == noMeta && !r.has(c) {
			return fmt.Errorf("no field %s", strings.Join(c.path, "."))
		}
	}
	return nil
}

// members lays the members of the object at i, and returns the index after it, or -1 where it is
// broken.
func (r *row) members(t *tableSchema, at *trie, i, depth int) (int, error) {
	src := r.src
	if i = skipSpace(src, i+1); i < len(src) && src[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(src) || src[i] != '"' {
			return -1, nil
		}
		end, esc := scanString(src, i)
		if end < 0 {
			return -1, nil
		}
		mark := len(r.spare)
		name := unquoted(&r.spare, src[i+1:end-1], esc)
		if i = skipSpace(src, end); i >= len(src) || src[i] != ':' {
			return -1, nil
		}
		i = skipSpace(src, i+1)
		var err error
		if i, err = r.member(t, r.child(at, name), i, depth+1, name); i < 0 || err != nil {
			return -1, err
		}
		r.spare = r.spare[:mark]
		if i = skipSpace(src, i); i >= len(src) {
			return -1, nil
		}
		switch src[i] {
		case '}':
			return i + 1, nil
		case ',':
			i = skipSpace(src, i+1)
		default:
			return -1, nil
		}
	}
}

// member lays the value at i, which next takes if it is not nil.
func (r *row) member(t *tableSchema, next *trie, i, depth int, name []byte) (int, error) {
	if next != nil && !next.omit && len(next.children) > 0 && i < len(r.src) && r.src[i] == '{' {
		c := next.col
		inside := c == nil || c.typ == tGroup
		if !inside {
			n, _ := scan(r.src, i, depth)
			inside = n.val != nil && (r.has(c) || !r.fits(c, &n))
		}
		if inside {
			if c != nil && c.typ == tGroup {
				r.slots[c.id] = node{kind: object}
			}
			if depth > maxDepth {
				return -1, nil
			}
			mark := len(r.prefix)
			r.prefix = append(append(r.prefix, name...), '.')
			end, err := r.members(t, next, i, depth)
			r.prefix = r.prefix[:mark]
			return end, err
		}
	}
	n, end := scan(r.src, i, depth)
	if end < 0 {
		return -1, nil
	}
	if next != nil {
		// Of members with one name the first is the column's, as it is the path's.
		if c := next.col; c != nil && !r.has(c) && r.fits(c, &n) {
			r.slots[c.id] = n
			return end, nil
		}
	}
	if n.kind == null || next != nil && next.omit {
		return end, nil
	}
	if !t.extra {
		return end, fmt.Errorf("no column takes the field %s%s", r.prefix, name)
	}
	sep := byte(',')
	if len(r.extra) == 0 {
		sep = '{'
	}
	if need := len(
		n.val,
	) + len(
		name,
	) + 8; len(r.extra)+need > largeRow &&
		cap(r.extra)-len(r.extra) < need {
		// it becomes no longer: growing takes twice as much
		r.extra = slices.Grow(r.extra, max(need, r.most-len(r.extra)))
	}
	r.extra = append(r.extra, sep)
	if len(r.prefix) == 0 {
		r.extra = decode.AppendString(r.extra, name)
	} else {
		mark := len(r.prefix)
		r.prefix = append(r.prefix, name...)
		r.extra = decode.AppendString(r.extra, r.prefix)
		r.prefix = r.prefix[:mark]
	}
	r.extra = appendCompact(append(r.extra, ':'), n)
	if len(r.extra) > r.most {
		return end, errWhole
	}
	return end, nil
}

// fill gives columns the values at their paths, whatever they are. Of members with one name the
// first counts, as it does for the path.
func (r *row) fill(t *tableSchema, n node) {
	r.begin(t, n.val)
	r.fillFrom(t.root, n)
}

func (r *row) fillFrom(at *trie, n node) {
	for w := (walk{src: n.val}); ; {
		m, ok := w.next()
		if !ok {
			return
		}
		r.spare = r.spare[:0]
		next := r.child(at, unquoted(&r.spare, w.key, w.esc))
		if next == nil {
			continue
		}
		for _, id := range next.all {
			if r.slots[id].kind == absent {
				r.slots[id] = m
			}
		}
		if m.kind == object && len(next.children) > 0 {
			r.fillFrom(next, m)
		}
	}
}

// extras returns the extra members as an object, or nil.
func (r *row) extras() []byte {
	if len(r.extra) == 0 {
		return nil
	}
	if r.extra = append(r.extra, '}'); len(r.extra) > largeRow {
		out := r.extra
		r.extra = nil
		return out
	}
	return r.keep(r.extra)
}

// maxElements bounds a list that is a column: a row's list is in one page, and eight bytes for each
// of its elements at a time.
const maxElements = 16 << 10

// fits reports whether n can be a value of c, and converts it if c is a leaf.
func (r *row) fits(c *column, n *node) bool {
	switch c.typ {
	case tGroup:
		return n.kind == object
	case tList:
		if n.kind != array {
			return false
		}
		count := 0
		for w := (walk{src: n.val}); ; count++ {
			e, ok := w.next()
			if !ok {
				return true
			}
			if count == maxElements || e.kind != null && !r.fitsElement(c.elem, &e) {
				return false
			}
		}
	}
	if n.kind == null {
		return false
	}
	v, ok := r.convert(c, n)
	r.vals[c.id] = v
	return ok
}

// fitsElement reports whether n can be a value of c.
func (r *row) fitsElement(c *column, n *node) bool {
	if c.typ == tString {
		return n.kind != text || !n.escaped || !loneSurrogate(n.val)
	}
	_, ok := r.convert(c, n)
	return ok
}

// convert makes a value of c of n, which is not null. It does so only where the value says
// exactly what n does: a number that would be rounded, or a time cut, does not fit.
func (r *row) convert(c *column, n *node) (v scalar, ok bool) {
	switch t := c.typ; t {
	case tString:
		if n.kind == text {
			return scalar{b: r.text(n)}, !n.escaped || !loneSurrogate(n.val)
		}
		return scalar{b: r.compact(n)}, true
	case tJSON:
		return scalar{b: r.compact(n)}, true
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
		if n.kind == text && c.anyFloat {
			f, ok := noNumbers[view(n.val)]
			return floatScalar(f), ok
		}
		if n.kind != number {
			return v, false
		}
		bits := 64
		if t == tFloat {
			bits = 32
		}
		f, ok := float(n.val, bits)
		return floatScalar(f), ok
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
	case tTimeMS, tTimeUS:
		v.n, ok = timeOfDay(n, t)
		return v, ok
	case tUUID:
		v.b, ok = uuidBytes(r.text(n))
		return v, ok && n.kind == text
	case tDecimal:
		if n.kind != text && n.kind != number {
			return v, false
		}
		v.b, ok = decimalOf(r.text(n), c.precision, c.scale)
		return v, ok
	case tBinary:
		if n.kind != text {
			return v, false
		}
		b, err := base64.StdEncoding.DecodeString(view(r.text(n)))
		return scalar{b: b}, err == nil
	}
	return v, false
}

// noNumbers are what package decode writes of floats that JSON has no numbers for.
var noNumbers = map[string]float64{"NaN": math.NaN(), "+Inf": math.Inf(1), "-Inf": math.Inf(-1)}

func floorDay(s int64) int64 { return (s - ((s%86400)+86400)%86400) / 86400 }

// text returns what a string says, until reset.
func (r *row) text(n *node) []byte {
	if !n.escaped {
		return n.val
	}
	r.room(len(n.val))
	return unquoted(&r.arena, n.val, true)
}

// compact returns n as JSON without white space, until reset.
func (r *row) compact(n *node) []byte {
	switch {
	case n.kind == text:
		r.room(len(n.val) + 2)
	case (n.kind == object || n.kind == array) && nextSpace(n.val, 0) < len(n.val):
		r.room(len(n.val))
	default:
		return n.val
	}
	start := len(r.arena)
	r.arena = appendCompact(r.arena, *n)
	return r.arena[start:len(r.arena):len(r.arena)]
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
