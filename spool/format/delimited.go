package format

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// delimited is rows of columns (RFC 4180, with any delimiter), made of the fields of JSON.
type delimited struct {
	lines
	dec       decode.Decoder
	columns   []*column
	table     *tableSchema
	delimiter string
	special   string // what makes quotes needed
	quote     string
	null      string
	header    bool
	scratch   sync.Pool
}

type scratch struct {
	row  row
	json []byte
}

func newDelimited(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	f := &delimited{
		lines: lines{
			comp,
			".csv",
			"text/csv",
			c.fingerprint("delimited 2", comp.name, dec.Fingerprint()),
		},
		dec:       dec,
		columns:   declared(c.Columns),
		delimiter: c.Delimiter,
		special:   "\"\r\n" + c.Delimiter,
		quote:     c.Quote,
		null:      c.Null,
		header:    c.Header,
		scratch:   sync.Pool{New: func() any { return new(scratch) }},
	}
	f.table = newTable(f.columns, &Config{})
	if c.Delimiter == "\t" {
		f.ext, f.kind = ".tsv", "text/tab-separated-values"
	}
	return f, nil
}

// path returns the nested names of the column's field; a dot in a name is written "\.".
func (c *Column) path() []string {
	if c.Field == "" {
		return []string{c.Name}
	}
	return dialect.SplitNames(c.Field)
}

// AppendHeader appends the row of names, as a member of its own.
func (f *delimited) AppendHeader(dst []byte) ([]byte, error) {
	if !f.header {
		return dst, nil
	}
	var row []byte
	for i, c := range f.columns {
		if i > 0 {
			row = append(row, f.delimiter...)
		}
		row = f.appendColumn(row, []byte(c.name))
	}
	return f.comp.append(dst, append(row, '\n'))
}

func (f *delimited) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	s := f.scratch.Get().(*scratch)
	defer func() {
		if s.row.reset(); cap(s.json) > largeRow {
			s.json = nil
			clear(s.row.slots)
		}
		f.scratch.Put(s)
	}()
	if in.Record.Value == nil {
		return dst, errTombstone
	}
	var err error
	if s.json, err = f.dec.AppendJSON(s.json[:0], in.Record.Value, in.Record.Headers); err != nil {
		return dst, err
	}
	s.row.reset()
	doc, err := root(s.json)
	if err != nil {
		return dst, err
	}
	if doc.kind != object {
		return dst, errNoObject
	}
	s.row.fill(f.table, doc)
	out := dst
	for i, c := range f.columns {
		if i > 0 {
			out = append(out, f.delimiter...)
		}
		n := &s.row.slots[c.id]
		if n.kind == absent || n.kind == null {
			if c.required {
				return dst, fmt.Errorf("no field %s", strings.Join(c.path, "."))
			}
			out = append(out, f.null...)
			continue
		}
		v, err := s.row.cell(c, n)
		if err != nil {
			return dst, fmt.Errorf("%s: %w", strings.Join(c.path, "."), err)
		}
		out = f.appendColumn(out, v)
	}
	return append(out, '\n'), nil
}

// cell returns what a column of text shows of n, which is not null: what was written, if that is
// a value of the column's type. Whole numbers stand as such, however they were written.
func (r *row) cell(c *column, n *node) ([]byte, error) {
	written := n.val
	if n.kind == text || n.kind == object || n.kind == array {
		v, ok := r.convert(&column{typ: tString}, n)
		if !ok {
			return nil, errSurrogate
		}
		written = v.b
	}
	switch t := c.typ; t {
	case tJSON:
		return r.compact(n), nil
	case tInt32, tInt64:
		if v, ok := r.convert(c, n); ok {
			r.room(24)
			start := len(r.arena)
			r.arena = strconv.AppendInt(r.arena, v.n, 10)
			return r.arena[start:len(r.arena):len(r.arena)], nil
		}
	case tFloat, tDouble: // no digit is lost, so none is too many
		if n.kind == number {
			return written, nil
		}
	case tTimestampMS, tTimestampUS, tTimestampNS:
		if _, err := time.Parse(time.RFC3339Nano, view(written)); n.kind == text && err == nil {
			return written, nil
		}
		if _, ok := integer(n); ok {
			return written, nil
		}
	default:
		if _, ok := r.convert(c, n); ok {
			return written, nil
		}
	}
	return nil, fmt.Errorf("%.100q is no %s", written, c.typ)
}

func (f *delimited) appendColumn(dst, v []byte) []byte {
	needed := bytes.ContainsAny(v, f.special) ||
		len(v) > 0 && (v[0] == ' ' || v[len(v)-1] == ' ') ||
		string(v) == f.null
	switch {
	case f.quote == "none":
		for _, r := range string(v) {
			if r == '\n' || r == '\r' || string(r) == f.delimiter {
				r = ' '
			}
			dst = append(dst, string(r)...)
		}
		return dst
	case f.quote == "minimal" && !needed:
		return append(dst, v...)
	}
	if len(v) > largeRow {
		dst = slices.Grow(dst, len(v)+bytes.Count(v, []byte{'"'})+2)
	}
	dst = append(dst, '"')
	for _, c := range v {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
