package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/penstock/penstock/agent/filter/formats"
	"github.com/penstock/penstock/buffer/record/durable"
)

// table parses lines whose columns have names: those of the config, or those that a line of the
// same origin gave before. What such a line said is remembered by its position, so that a line
// that is delivered again is read as the first time.
type table struct {
	csv    formats.CSV
	w3c    bool
	header bool     // the first line of an origin tells the names
	fixed  []string // where no line has named them

	known map[string][]columnLine // by origin, ascending
	env   Env
	file  string // where known is kept over a restart; "" for nowhere
}

// columnLine is a line that named the columns.
type columnLine struct {
	at    int64
	text  string
	names []string
}

// maxColumnLines bounds how many changes of columns are remembered per origin, maxOrigins for how
// many origins.
const (
	maxColumnLines = 16
	maxOrigins     = 10000
)

func (c *ParseConfig) table(format string) ([]attempt, error) {
	t := &table{
		w3c:    format == "w3c",
		header: c.Header,
		fixed:  c.Columns,
		known:  map[string][]columnLine{},
	}
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

// remember notes what a line said.
func (t *table) remember(origin string, at int64, text []byte, names []string) {
	list := t.known[origin]
	i, found := slices.BinarySearchFunc(
		list, at, func(x columnLine, at int64) int { return int(min(max(x.at-at, -1), 1)) },
	)
	if found && list[i].text == string(text) {
		return
	}
	if list == nil && len(t.known) >= maxOrigins {
		for other := range t.known { // any will do
			delete(t.known, other)
			break
		}
	}
	// What is known of later positions is of another log, which had them before.
	list = append(list[:i:i], columnLine{at, string(text), names})
	if len(list) > maxColumnLines {
		list = list[1:]
	}
	t.known[origin] = list
	t.save()
}

// parse reads a line; it reports whether it was one that tells names, of which nothing remains.
func (t *table) parse(v *View, text []byte) (names bool, err error) {
	known, line := t.names(v.batch.Origin, v.rec.Offset)
	if t.w3c {
		if list, directive := formats.W3CNames(text); directive {
			if list != nil {
				t.remember(v.batch.Origin, v.rec.Offset, text, list)
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
		t.remember(v.batch.Origin, v.rec.Offset, text, list)
		return true, nil
	case line != "" && string(text) == line:
		return true, nil
	case line == "":
		if list, err := t.csv.Names(text); err == nil && slices.Equal(list, known) {
			t.remember(v.batch.Origin, v.rec.Offset, text, list)
			return true, nil
		}
	}
	return false, t.csv.Row(known, text, &v.fields)
}

// forLog returns the table for a log, with what was known of it before a restart.
func (t *table) forLog(env Env, log string) *table {
	f := *t
	f.known, f.env = map[string][]columnLine{}, env
	if env.Dir != "" {
		f.file = filepath.Join(env.Dir, url.PathEscape(log)+".json")
		f.load()
	}
	return &f
}

// storedLine is how a columnLine is stored.
type storedLine struct {
	At   int64  `json:"at"`
	Text string `json:"text"`
}

// save stores the lines, so that it is there when lines behind it are read after a
// restart. That is rare: with a new file, or when its columns change.
func (t *table) save() {
	if t.file == "" {
		return
	}
	out := map[string][]storedLine{}
	for origin, list := range t.known {
		for _, one := range list {
			out[origin] = append(out[origin], storedLine{one.at, one.text})
		}
	}
	text, err := json.Marshal(out)
	if err == nil {
		err = writeFile(t.file, text)
	}
	if err != nil {
		t.env.warn(
			"the names of columns cannot be stored", "error", err, "do",
			"make room for them or repair the directory: after a restart, lines are not parsed until a line tells the names again",
		)
	}
}

func (t *table) load() {
	text, err := os.ReadFile(t.file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	in := map[string][]storedLine{}
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		t.env.warn(
			"the stored names of columns cannot be read", "error", err, "do",
			"nothing, if a line tells the names again; otherwise look at the file",
		)
	}
	for origin, list := range in {
		for _, one := range list {
			names := t.namesOf([]byte(one.Text))
			if names != nil {
				t.known[origin] = append(t.known[origin], columnLine{one.At, one.Text, names})
			}
		}
	}
}

func (t *table) namesOf(text []byte) []string {
	if t.w3c {
		names, _ := formats.W3CNames(text)
		return names
	}
	names, err := t.csv.Names(text)
	if err != nil {
		return nil
	}
	return names
}

// writeFile replaces a file as a whole, and returns once it is on disk.
func writeFile(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return durable.Replace(name, f, err)
}
