package format

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// delimited is rows of columns (RFC 4180, with any delimiter), made of the fields of JSON.
type delimited struct {
	lines
	dec       decode.Decoder
	columns   []Column
	paths     [][]string
	delimiter string
	special   string // what makes quotes needed
	quote     string
	null      string
	header    bool
	scratch   sync.Pool
}

type scratch struct {
	doc  document
	json []byte
}

func newDelimited(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	f := &delimited{
		lines: lines{comp, ".csv", "text/csv", c.fingerprint("delimited 1", comp.name, dec.Fingerprint())},
		dec:   dec, columns: c.Columns, delimiter: c.Delimiter, special: "\"\r\n" + c.Delimiter, quote: c.Quote, null: c.Null, header: c.Header,
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
	if c.Delimiter == "\t" {
		f.ext, f.kind = ".tsv", "text/tab-separated-values"
	}
	for _, col := range c.Columns {
		f.paths = append(f.paths, col.path())
	}
	return f, nil
}

// path returns the nested names of the column's field; a dot in a name is written "\.".
func (c *Column) path() []string {
	if c.Field == "" {
		return []string{c.Name}
	}
	var out []string
	var name strings.Builder
	for i := 0; i < len(c.Field); i++ {
		switch {
		case c.Field[i] == '\\' && i+1 < len(c.Field):
			i++
			name.WriteByte(c.Field[i])
		case c.Field[i] == '.':
			out = append(out, name.String())
			name.Reset()
		default:
			name.WriteByte(c.Field[i])
		}
	}
	return append(out, name.String())
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
		row = f.appendColumn(row, []byte(c.Name))
	}
	return f.comp.append(dst, append(row, '\n'))
}

func (f *delimited) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	var err error
	if s.json, err = f.dec.AppendJSON(s.json[:0], in.Record.Value); err != nil {
		return dst, err
	}
	if err := s.doc.parse(s.json); err != nil {
		return dst, err
	}
	out := dst
	for i, path := range f.paths {
		if i > 0 {
			out = append(out, f.delimiter...)
		}
		j := s.doc.find(0, path)
		switch {
		case j < 0 || s.doc.nodes[j].kind == null:
			if f.columns[i].Required {
				return dst, fmt.Errorf("no field %s", strings.Join(path, "."))
			}
			out = append(out, f.null...)
		case s.doc.nodes[j].kind == text:
			out = f.appendColumn(out, s.doc.text(&s.doc.nodes[j]))
		case s.doc.nodes[j].kind == object || s.doc.nodes[j].kind == array:
			out = f.appendColumn(out, s.doc.appendCompact(nil, j))
		default:
			out = f.appendColumn(out, s.doc.nodes[j].val)
		}
	}
	return append(out, '\n'), nil
}

func (f *delimited) appendColumn(dst, v []byte) []byte {
	needed := bytes.ContainsAny(v, f.special) || len(v) > 0 && (v[0] == ' ' || v[len(v)-1] == ' ') || string(v) == f.null
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
	dst = append(dst, '"')
	for _, c := range v {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
