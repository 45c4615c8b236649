package filter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/agent/filter/formats"
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
)

// LookupConfig is the config of the lookup filter.
type LookupConfig struct {
	Table  string        `hcl:"table" path:"read" doc:"A file with the table: *.csv whose first line names the columns, or *.json: an object of rows by their key, or a list of objects; or *.mmdb, a database of networks in MaxMind's format (GeoIP), in which the key is an IP address. It is held in memory, and twice while it is read again: agent.memory_limit should leave room for a large one."`
	Column string        `hcl:"column,optional" doc:"The column that is looked into; the first one of a CSV file unless it is named. Not for *.mmdb."`
	Key    Expression    `hcl:"key" doc:"Expression for what is looked up: \"field.user.id\", \"origin\" (penstock help expressions)."`
	Into   string        `hcl:"into,optional" doc:"Field for the row that is found, as an object; its columns are set at the top of the JSON value otherwise."`
	Take   []string      `hcl:"take,optional" doc:"The columns that are taken; all but the one that is looked into otherwise. Of *.mmdb they are paths, [\"country.iso_code\", \"city.names.en\"], and what is taken stays nested; each costs less than all of it."`
	Reload time.Duration `hcl:"reload,optional" doc:"How often it is looked whether the file has changed; a table with mistakes is reported, and the one before it stays. \"0s\" means never. A table that changes makes other records of what is delivered again."`
}

// DefaultLookup returns the defaults.
func DefaultLookup() LookupConfig { return LookupConfig{Reload: 10 * time.Second} }

// Validate checks the config.
func (c *LookupConfig) Validate() error {
	var errs []error
	if c.Key.IsZero() {
		errs = append(errs, errors.New("key: must not be empty"))
	}
	if c.Into != "" {
		if _, err := NewPath(c.Into); err != nil {
			errs = append(errs, errors.New("into: "+err.Error()))
		}
	}
	switch filepath.Ext(c.Table) {
	case ".csv":
	case ".json":
	case ".mmdb":
		if c.Column != "" {
			errs = append(errs, errors.New("column: has no meaning for *.mmdb: the key is an address"))
		}
		errs = append(errs, checkTake(c.Take))
	default:
		errs = append(errs, errors.New("table: must be a file *.csv, *.json or *.mmdb"))
	}
	if c.Reload < 0 {
		errs = append(errs, errors.New("reload: must not be negative"))
	}
	return errors.Join(errs...)
}

// lookupTable is a table that has been read. Safe for concurrent use.
type lookupTable interface {
	// find returns the members of a row; nil if there is none.
	find(key string) ([]member, error)
}

// rows are the members of each row, by key.
type rows map[string][]member

// find implements lookupTable.
func (r rows) find(key string) ([]member, error) { return r[key], nil }

// Lookup adds what a table says.
type Lookup struct {
	base
	cfg   LookupConfig
	env   Env
	into  *Path
	table atomic.Pointer[lookupTable]

	mu      sync.Mutex // held by who looks whether the file has changed
	looked  atomic.Int64
	changed time.Time
	size    int64

	missed, reloads, failed prometheus.Counter
	damaged                 prometheus.Counter
}

// NewLookup returns the filter.
func NewLookup(c LookupConfig, env Env) (*Lookup, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Lookup{base: newBase(env), cfg: c, env: env}
	if c.Into != "" {
		f.into, _ = NewPath(c.Into)
	}
	f.missed = env.counter(
		"penstock_filter_lookup_misses_total",
		"Records whose key is not in the table, and which passed as they were.",
	)
	f.reloads = env.counter(
		"penstock_filter_lookup_reloads_total",
		"Tables that were read again because they had changed.",
	)
	f.failed = env.counter(
		"penstock_filter_lookup_failures_total",
		"Tables that could not be read again; the one before it stayed.",
	)
	f.damaged = env.counter(
		"penstock_filter_lookup_damaged_total",
		"Records that passed as they were because the database is damaged where they led.",
	)
	if _, err := f.load(); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	f.looked.Store(time.Now().UnixNano())
	return f, nil
}

// BatchVerdict implements Filter. It sees to the table, once for a batch.
func (f *Lookup) BatchVerdict(*record.Batch) Verdict {
	if every := int64(
		f.cfg.Reload,
	); every > 0 && time.Now().UnixNano()-f.looked.Load() >= every &&
		f.mu.TryLock() {
		f.looked.Store(time.Now().UnixNano())
		changed, err := f.load()
		switch {
		case err != nil:
			f.failed.Inc()
			f.env.warn(
				"a table cannot be read again; the one before it stays", "table", f.cfg.Table,
				"error", err, "do", "mend the file: it is read again when it changes",
			)
		case changed:
			f.reloads.Inc()
		}
		f.mu.Unlock()
	}
	return PerRecord
}

// load reads the table if it has changed.
func (f *Lookup) load() (changed bool, err error) {
	info, err := os.Stat(f.cfg.Table)
	if err != nil {
		return false, err
	}
	if info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return false, nil
	}
	f.changed, f.size = info.ModTime(), info.Size()
	text, err := os.ReadFile(f.cfg.Table)
	if err != nil {
		return false, err
	}
	var table lookupTable
	plain := bytes.TrimPrefix(text, []byte("\ufeff")) // as Excel begins what it writes as UTF-8
	switch filepath.Ext(f.cfg.Table) {
	case ".csv":
		table, err = f.readCSV(plain)
	case ".json":
		table, err = f.readJSON(plain)
	default:
		table, err = newNetworks(text, f.cfg.Take)
	}
	if err != nil {
		return false, err
	}
	f.table.Store(&table)
	return true, nil
}

// row returns the members of a row that are taken.
func (f *Lookup) row(key string, all []member) []member {
	out := []member{} // a row, even if nothing is taken of it
	for _, m := range all {
		if name := m.name(); slices.Contains(f.cfg.Take, name) ||
			len(f.cfg.Take) == 0 && name != key {
			out = append(out, m)
		}
	}
	return out
}

func (f *Lookup) readCSV(text []byte) (rows, error) {
	form := formats.CSV{Delimiter: ',', Quotes: true}
	table := rows{}
	var names []string
	column := -1
	for n := 1; len(text) > 0; n++ {
		line, rest, err := csvLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if text = rest; len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if names == nil {
			if names, err = form.Names(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			column = 0
			if f.cfg.Column != "" {
				column = slices.Index(names, f.cfg.Column)
			}
			if column < 0 {
				return nil, fmt.Errorf("there is no column %q", f.cfg.Column)
			}
			continue
		}
		var fields formats.Fields
		if err := form.Row(names, line, &fields); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		var all []member
		for _, one := range fields.List {
			all = append(
				all,
				member{key: appendText(nil, bytesOf(one.Name)), value: appendText(nil, one.Value)},
			)
		}
		table[string(fields.List[column].Value)] = f.row(names[column], all)
	}
	if names == nil {
		return nil, errors.New("is empty")
	}
	return table, nil
}

// csvLine takes a line off text; a newline in quotes ends none.
func csvLine(text []byte) (line, rest []byte, err error) {
	quotes := false
	for i, c := range text {
		switch {
		case c == '"':
			quotes = !quotes
		case c == '\n' && !quotes:
			return text[:i], text[i+1:], nil
		}
	}
	if quotes {
		return nil, nil, errors.New("a quote is not closed")
	}
	return text, nil, nil
}

func (f *Lookup) readJSON(text []byte) (rows, error) {
	if !jsontext.Valid(text) {
		return nil, errors.New("is not well-formed JSON")
	}
	table := rows{}
	var err error
	list := gjson.ParseBytes(text)
	list.ForEach(func(k, v gjson.Result) bool {
		if !v.IsObject() {
			err = errors.New("has a row that is no object")
			return false
		}
		var o object
		o.split(bytesOf(v.Raw))
		key := k.String()
		if list.IsArray() {
			i := o.find(f.cfg.Column)
			if i < 0 {
				err = fmt.Errorf("has a row without %q, which column names", f.cfg.Column)
				return false
			}
			key = string(textOf(o.members[i].value))
		}
		table[key] = f.row(f.cfg.Column, o.members)
		return true
	})
	if !list.IsObject() && !list.IsArray() {
		err = errors.New("is neither an object nor a list")
	}
	return table, err
}

// Edit implements Filter.
func (f *Lookup) Edit(v *View) Verdict {
	key := keyOf(v, f.cfg.Key, f.env.Agent)
	row, err := (*f.table.Load()).find(key)
	switch {
	case err != nil:
		f.damaged.Inc()
		return Unhandled
	case row == nil:
		f.missed.Inc()
		return Kept
	}
	if !v.IsObject() {
		return Unhandled
	}
	if f.into != nil {
		inner := object{members: row}
		if !v.Set(f.into, inner.append(v.arena.take(inner.size()))) {
			return Unhandled
		}
		return Changed
	}
	v.obj.merge(row)
	v.obj.state, v.changed = edited, true
	return Changed
}
