package formats

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	errQuotes  = &Error{"bad_quotes", "a quote is not closed, or text follows one that is"}
	errColumns = &Error{
		"wrong_columns",
		"the line has another number of values than there are columns",
	}
	errNoNames = &Error{
		"no_columns",
		"the names of the columns are not known: no line with them has come",
	}
)

// CSV is how delimited values are written.
type CSV struct {
	Delimiter byte
	Quotes    bool // values may stand in double quotes, in which "" is one
}

// Names reads a line of names.
func (c CSV) Names(text []byte) ([]string, error) {
	var names []string
	err := c.each(text, func(_ int, value []byte, _ bool) error {
		names = append(names, string(bytes.TrimSpace(value)))
		return nil
	}, &Fields{})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			return nil, fmt.Errorf("column %d has no name", i+1)
		}
		if seen[name] {
			return nil, fmt.Errorf("two columns are called %q", name)
		}
		seen[name] = true
	}
	return names, nil
}

// Row reads a line whose columns are known.
func (c CSV) Row(names []string, text []byte, out *Fields) error {
	if names == nil {
		return errNoNames
	}
	n := 0
	err := c.each(text, func(i int, value []byte, _ bool) error {
		if n++; i >= len(names) {
			return errColumns
		}
		out.add(names[i], value)
		return nil
	}, out)
	if err == nil && n != len(names) {
		err = errColumns
	}
	return err
}

// each calls do with the values of a line.
func (c CSV) each(text []byte, do func(i int, value []byte, quoted bool) error, out *Fields) error {
	text = bytes.TrimRight(text, "\r\n")
	for i := 0; ; i++ {
		if c.Quotes && len(text) > 0 && text[0] == '"' {
			value, rest, err := c.quoted(text, out)
			if err != nil {
				return err
			}
			if err := do(i, value, true); err != nil || len(rest) == 0 {
				return err
			}
			if rest[0] != c.Delimiter {
				return errQuotes
			}
			text = rest[1:]
			continue
		}
		end := bytes.IndexByte(text, c.Delimiter)
		if end < 0 {
			return do(i, text, false)
		}
		if err := do(i, text[:end], false); err != nil {
			return err
		}
		text = text[end+1:]
	}
}

// quoted takes a value in quotes off text.
func (c CSV) quoted(text []byte, out *Fields) (value, rest []byte, err error) {
	end := bytes.IndexByte(text[1:], '"') + 1
	if end == 0 {
		return nil, nil, errQuotes
	}
	if end+1 == len(text) || text[end+1] != '"' {
		return text[1:end], text[end+1:], nil
	}
	start := out.begin()
	for rest = text[1:]; ; {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return nil, nil, errQuotes
		}
		out.room = append(out.room, rest[:end]...)
		if rest = rest[end+1:]; len(rest) == 0 || rest[0] != '"' {
			return out.taken(start), rest, nil
		}
		out.room = append(out.room, '"')
		rest = rest[1:]
	}
}

// NewCSV returns a parser for columns of these names.
func NewCSV(c CSV, columns []string) (Parser, error) {
	if len(columns) == 0 {
		return nil, errors.New("names no column")
	}
	seen := map[string]bool{}
	for _, name := range columns {
		if name == "" || seen[name] {
			return nil, fmt.Errorf("the column %q is there twice, or has no name", name)
		}
		seen[name] = true
	}
	return Func(
		func(text []byte, _ int64, out *Fields) error { return c.Row(columns, text, out) },
	), nil
}
