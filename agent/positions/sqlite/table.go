package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Rows returns the rows of a table, each by the names of its columns in lower case: int64, float64,
// string, []byte or nil.
func Rows(path, table string) ([]map[string]any, error) {
	d, err := open(path)
	if err != nil {
		return nil, err
	}
	var root int64
	var columns []string
	err = d.walk(1, map[uint32]bool{}, func(_ int64, row []any) error {
		if len(row) < 5 || row[0] != "table" {
			return nil
		}
		if name, _ := row[1].(string); !strings.EqualFold(name, table) {
			return nil
		}
		root, _ = row[3].(int64)
		sql, _ := row[4].(string)
		columns = columnsOf(sql)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if root <= 0 || root > math.MaxUint32 || columns == nil {
		return nil, fmt.Errorf("%s: %w: it has no table %s", path, ErrFormat, table)
	}
	var out []map[string]any
	err = d.walk(uint32(root), map[uint32]bool{}, func(id int64, row []any) error {
		named := map[string]any{}
		for i, c := range columns {
			name, isID := strings.CutPrefix(c, idMark)
			if i < len(row) {
				named[name] = row[i]
			}
			if isID { // it stands in for the row's number, and is stored as null
				named[name] = id
			}
		}
		out = append(out, named)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

const idMark = "#"

// columnsOf returns the names of the columns of a CREATE TABLE.
func columnsOf(sql string) []string {
	from, to := strings.IndexByte(sql, '('), strings.LastIndexByte(sql, ')')
	if from < 0 || to < from {
		return nil
	}
	var out []string
	depth, start := 0, from+1
	add := func(def string) {
		words := strings.Fields(def)
		if len(words) == 0 {
			return
		}
		name := strings.ToLower(strings.Trim(words[0], "\"`[]"))
		switch name {
		case "primary", "unique", "check", "foreign", "constraint":
			return
		}
		if strings.Contains(
			strings.ToUpper(strings.Join(words[1:], " ")), "INTEGER PRIMARY KEY",
		) {
			name = idMark + name
		}
		out = append(out, name)
	}
	for i := start; i < to; i++ {
		switch sql[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				add(sql[start:i])
				start = i + 1
			}
		}
	}
	add(sql[start:to])
	return out
}

// walk calls fn for each row of the table that begins at a page.
func (d *database) walk(
	n uint32, seen map[uint32]bool, fn func(id int64, row []any) error,
) error {
	p, err := d.page(n)
	if err != nil {
		return err
	}
	if seen[n] {
		return fmt.Errorf("%w: a table goes in circles", ErrFormat)
	}
	seen[n] = true
	head := 0
	if n == 1 {
		head = 100
	}
	kind := p[head]
	cells := int(binary.BigEndian.Uint16(p[head+3:]))
	first := head + 8
	if kind == 5 {
		first = head + 12
	}
	if kind != 5 && kind != 13 || first+2*cells > len(p) {
		return fmt.Errorf("%w: page %d is none of a table", ErrFormat, n)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(p[first+2*i:]))
		if at+4 > len(p) {
			return fmt.Errorf("%w: page %d has a cell outside of it", ErrFormat, n)
		}
		if kind == 5 {
			if err := d.walk(binary.BigEndian.Uint32(p[at:]), seen, fn); err != nil {
				return err
			}
			continue
		}
		id, payload, err := d.cell(p[at:])
		if err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
		row, err := record(payload)
		if err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
		if err := fn(id, row); err != nil {
			return err
		}
	}
	if kind == 5 {
		return d.walk(binary.BigEndian.Uint32(p[head+8:]), seen, fn)
	}
	return nil
}

// cell returns the number and the content of a row, with what lies on overflow pages.
func (d *database) cell(p []byte) (int64, []byte, error) {
	size, n := varint(p)
	id, m := varint(p[n:])
	p = p[n+m:]
	if size > uint64(len(d.data)+len(d.pages)*d.size) || n == 0 || m == 0 {
		return 0, nil, fmt.Errorf("%w: a row of %d bytes", ErrFormat, size)
	}
	here, most := int(size), d.usable-35
	if here > most {
		least := (d.usable-12)*32/255 - 23
		if here = least + (int(size)-least)%(d.usable-4); here > most {
			here = least
		}
	}
	if here > len(p) {
		return 0, nil, fmt.Errorf("%w: a row goes over its page", ErrFormat)
	}
	if here == int(size) {
		return int64(id), p[:here], nil
	}
	if here+4 > len(p) {
		return 0, nil, fmt.Errorf("%w: a row goes over its page", ErrFormat)
	}
	payload := append([]byte(nil), p[:here]...)
	for next := binary.BigEndian.Uint32(p[here:]); len(payload) < int(size); {
		page, err := d.page(next)
		if err != nil {
			return 0, nil, err
		}
		next = binary.BigEndian.Uint32(page)
		payload = append(payload, page[4:4+min(d.usable-4, int(size)-len(payload))]...)
	}
	return int64(id), payload, nil
}

// record reads the values of a row.
func record(p []byte) ([]any, error) {
	size, n := varint(p)
	if n == 0 || size > uint64(len(p)) || size < uint64(n) {
		return nil, fmt.Errorf("%w: a row without a head", ErrFormat)
	}
	types, values := p[n:size], p[size:]
	var out []any
	for len(types) > 0 {
		t, n := varint(types)
		if n == 0 {
			return nil, fmt.Errorf("%w: a row with a broken head", ErrFormat)
		}
		types = types[n:]
		width := 0
		switch {
		case t >= 12 && t < maxFile:
			width = int(t-12) / 2
		case t < 10:
			width = []int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[t]
		default:
			return nil, fmt.Errorf("%w: a value of type %d", ErrFormat, t)
		}
		if width > len(values) {
			return nil, fmt.Errorf("%w: a row ends early", ErrFormat)
		}
		out = append(out, value(t, values[:width]))
		values = values[width:]
	}
	return out, nil
}

func value(t uint64, p []byte) any {
	switch {
	case t == 0:
		return nil
	case t == 8 || t == 9:
		return int64(t - 8)
	case t == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(p))
	case t < 7:
		v := int64(int8(p[0]))
		for _, b := range p[1:] {
			v = v<<8 | int64(b)
		}
		return v
	case t%2 == 0:
		return append([]byte(nil), p...)
	}
	return string(p)
}

// varint reads a number of 1 to 9 bytes, and how many those are; 0 if there are too few.
func varint(p []byte) (v uint64, n int) {
	for i, b := range p {
		if i == 8 {
			return v<<8 | uint64(b), 9
		}
		v = v<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
