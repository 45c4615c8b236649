package filter

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/agent/filter/formats"
)

// table parses lines whose columns have names: those of the config, or those that a line of the same
// origin has told before. What such a line said is remembered by its position, so that a line that is
// delivered again is read as the first time.
type table struct {
	csv    formats.CSV
	w3c    bool
	header bool     // the first line of an origin tells the names
	fixed  []string // for where none has been told

	known map[string][]told // by origin, ascending
}

// told is what a line said of the columns.
type told struct {
	at    int64
	text  string
	names []string
}

// maxTold bounds how many changes of columns are remembered per origin, maxOrigins for how many origins.
const (
	maxTold    = 16
	maxOrigins = 10000
)

func (c *ParseConfig) table(format string) ([]attempt, error) {
	t := &table{w3c: format == "w3c", header: c.Header, fixed: c.Columns, known: map[string][]told{}}
	switch format {
	case "csv":
		if len(c.Delimiter) != 1 || c.Delimiter == `"` {
			return nil, fmt.Errorf("delimiter: must be one character, and no quote")
		}
		t.csv = formats.CSV{Delimiter: c.Delimiter[0], Quotes: true}
	case "tsv":
		t.csv = formats.CSV{Delimiter: '\t'}
	}
	if format != "w3c" && !c.Header {
		p, err := formats.NewCSV(t.csv, c.Columns)
		if err != nil {
			return nil, fmt.Errorf("columns: %w; or write header = true", err)
		}
		return []attempt{{parser: p}}, nil
	}
	return []attempt{{table: t}}, nil
}

// names returns the columns of a line.
func (t *table) names(origin string, at int64) (names []string, text string) {
	list := t.known[origin]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].at <= at {
			return list[i].names, list[i].text
		}
	}
	return t.fixed, ""
}

// tell notes what a line said.
func (t *table) tell(origin string, at int64, text []byte, names []string) {
	list := t.known[origin]
	i, found := slices.BinarySearchFunc(list, at, func(x told, at int64) int { return int(min(max(x.at-at, -1), 1)) })
	if found {
		return
	}
	if list == nil && len(t.known) >= maxOrigins {
		for other := range t.known { // any will do
			delete(t.known, other)
			break
		}
	}
	list = slices.Insert(list, i, told{at, string(text), names})
	if len(list) > maxTold {
		list = list[1:]
	}
	t.known[origin] = list
}

// parse reads a line; it reports whether it was one that tells names, of which nothing remains.
func (t *table) parse(v *View, text []byte) (names bool, err error) {
	known, line := t.names(v.batch.Origin, v.rec.Offset)
	if t.w3c {
		if list, directive := formats.W3CNames(text); directive {
			if list != nil {
				t.tell(v.batch.Origin, v.rec.Offset, text, list)
			}
			return true, nil
		}
		return false, formats.W3CRow(known, text, &v.fields)
	}
	switch {
	case known == nil:
		list, err := t.csv.Names(text)
		if err != nil {
			return false, &formats.Error{Reason: "no_columns", Hint: err.Error()}
		}
		t.tell(v.batch.Origin, v.rec.Offset, text, list)
		return true, nil
	case line != "" && string(text) == line:
		return true, nil
	case line == "":
		if list, err := t.csv.Names(text); err == nil && slices.Equal(list, known) {
			t.tell(v.batch.Origin, v.rec.Offset, text, list)
			return true, nil
		}
	}
	return false, t.csv.Row(known, text, &v.fields)
}

// fresh returns the table with nothing told.
func (t *table) fresh() *table {
	f := *t
	f.known = map[string][]told{}
	return &f
}
