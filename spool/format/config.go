package format

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

// Config is a format block. One struct serves all formats; Validate tells which attributes go with
// which.
type Config struct {
	Type string `hcl:"type,label" oneof:"raw|ndjson|delimited|avro|parquet" doc:"Format of the objects."`

	OnNewline string `hcl:"on_newline,optional" oneof:"keep|escape|dead_letter" doc:"raw: what becomes of a value that holds a line break: kept, written as \\n, or a dead letter."`

	Envelope      bool   `hcl:"envelope,optional" doc:"ndjson: each line is an object with topic, partition, offset, time, key, headers and value."`
	EnvelopeValue string `hcl:"envelope_value,optional" oneof:"json|text" doc:"ndjson: the value stands in the envelope as JSON, or as the text it is (base64 where it is not UTF-8), which restores it byte by byte."`
	Check         bool   `hcl:"check,optional" doc:"ndjson: values that are no JSON, or have half a surrogate pair in a string, become dead letters, for one of them makes a file unreadable to most readers."`

	Delimiter string `hcl:"delimiter,optional" doc:"delimited: what parts the columns, one character."`
	Quote     string `hcl:"quote,optional" oneof:"minimal|all|none" doc:"delimited: which columns stand in double quotes; with none, delimiters and line breaks in them become spaces."`
	Header    bool   `hcl:"header,optional" doc:"delimited: the first row names the columns."`
	Null      string `hcl:"null,optional" doc:"delimited: stands for fields that are missing or null."`

	Columns        []Column `hcl:"column,block" doc:"delimited, avro, parquet: columns in order; needed for delimited, inferred for the others when there are none."`
	Schema         string   `hcl:"schema,optional" doc:"avro: schema as JSON text, such as file(\"event.avsc\"). avro, parquet: \"registry\" takes the schema of the values, of decode avro or protobuf: a file holds records of one schema, whose id stands in its name before the extensions (.s12), so a new version, whether it is compatible or not, is another file in the same place. With avro, values of avro are written as they are. Columns have the types of the schema, those of 64 unsigned bits are decimals, times of protobuf are timestamp_ns; what is of several types, a map or a list of anything but scalars is JSON."`
	Sample         int      `hcl:"sample,optional" doc:"avro, parquet: records of an object that its schema is inferred from."`
	Nested         string   `hcl:"nested,optional" oneof:"group|json" doc:"avro, parquet: inferred objects become groups, or columns with JSON."`
	ColumnCase     string   `json:",omitempty" hcl:"column_case,optional" oneof:"keep|lower|snake" doc:"avro, parquet: names of inferred columns: as the fields', in lower case, or in snake_case (userID becomes user_id). Of fields whose names become one, the first is the column."`
	Omit           []string `json:",omitempty" hcl:"omit,optional" doc:"avro, parquet: fields that are left out of the files, nested names joined by dots."`
	OmitPathFields bool     `json:",omitempty" hcl:"omit_path_fields,optional" doc:"avro, parquet: leaves out the fields that stand in the path by field.NAME, as Hive and its like have them from there."`
	Extra          string   `hcl:"extra,optional" doc:"avro, parquet: column that takes, as JSON, the fields that have no column or do not fit theirs; without it they make the record a dead letter."`
	Metadata       bool     `hcl:"metadata,optional" doc:"avro, parquet: adds the columns _topic, _partition, _offset, _time and _key."`
	RowGroup       int64    `hcl:"row_group,optional" unit:"bytes" doc:"parquet: values, as JSON, that make one row group."`
}

// Column is one column of a table.
type Column struct {
	Name      string `hcl:"name,label" doc:"Name of the column."`
	Field     string `hcl:"field,optional" doc:"Field it is filled from, nested names joined by dots; the one of the column's name when empty."`
	Type      string `hcl:"type,optional" oneof:"string|int32|int64|float|double|boolean|timestamp_ms|timestamp_us|timestamp_ns|date|json|binary|decimal|uuid|time_ms|time_us" doc:"Type; timestamps are filled from RFC 3339 texts or from integers in their own unit, binary from base64, decimals from numbers or texts of digits, times of day from texts such as 15:04:05.678. A column holds exactly what the record says: a number that would be rounded, or a time that would be cut, does not fit."`
	Precision int    `json:",omitempty" hcl:"precision,optional" doc:"decimal: digits it has, 38 at most and without it."`
	Scale     int    `json:",omitempty" hcl:"scale,optional" doc:"decimal: digits behind the point."`
	Required  bool   `hcl:"required,optional" doc:"A record without the field is a dead letter."`
}

// SetDefaults sets the presets.
func (c *Column) SetDefaults() { *c = Column{Type: "string"} }

// SetDefaults sets the presets.
func (c *Config) SetDefaults() { *c = Default() }

// Default returns the presets: NDJSON, the values as they are.
func Default() Config {
	return Config{
		Type:          "ndjson",
		OnNewline:     "keep",
		EnvelopeValue: "json",
		Check:         true,
		Delimiter:     ",",
		Quote:         "minimal",
		Header:        true,
		Sample:        10_000,
		Nested:        "group",
		Extra:         "_extra",
		RowGroup:      32 << 20,
	}
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(name, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			bad("%s: must be one of %s, not %q", name, strings.Join(allowed, ", "), value)
		}
	}
	if table[c.Type] == nil {
		bad("type: must be raw, ndjson, delimited, avro or parquet, not %q", c.Type)
	}
	oneOf("on_newline", c.OnNewline, "keep", "escape", "dead_letter")
	oneOf("envelope_value", c.EnvelopeValue, "json", "text")
	oneOf("quote", c.Quote, "minimal", "all", "none")
	oneOf("nested", c.Nested, "group", "json")
	if utf8.RuneCountInString(c.Delimiter) != 1 || strings.ContainsAny(c.Delimiter, "\"\r\n") {
		bad("delimiter: must be one character, and no quote or line break, not %q", c.Delimiter)
	}
	if c.Sample < 1 || c.Sample > 1_000_000 {
		bad("sample: must be 1 to 1000000, not %d", c.Sample)
	}
	if c.RowGroup < 1<<20 || c.RowGroup > 1<<30 {
		bad("row_group: must be 1MiB to 1GiB, not %d bytes", c.RowGroup)
	}
	if c.Type == "delimited" && len(c.Columns) == 0 {
		bad("column: delimited needs at least one")
	}
	if len(c.Columns) > 0 && (c.Type == "raw" || c.Type == "ndjson") {
		bad("column: %s has no columns", c.Type)
	}
	if c.ColumnCase != "" {
		oneOf("column_case", c.ColumnCase, "keep", "lower", "snake")
	}
	table := c.Type == "avro" && (c.Schema == "" || c.Schema == fromRegistry) ||
		c.Type == "parquet"
	if !table && (c.ColumnCase != "" || len(c.Omit) > 0 || c.OmitPathFields) {
		bad("column_case, omit, omit_path_fields: only for parquet, and for avro without a schema")
	}
	seen := map[string]bool{}
	for i, col := range c.Columns {
		if seen[col.Name] || col.Name == "" {
			bad("column[%d].name: %q is there twice or empty", i, col.Name)
		}
		seen[col.Name] = true
		oneOf(fmt.Sprintf("column[%d].type", i), col.Type, columnTypes...)
		digits := cmp.Or(col.Precision, maxPrecision)
		if digits < 1 || digits > maxPrecision || col.Scale < 0 || col.Scale > digits {
			bad(
				"column[%d]: precision must be 1 to 38 and scale 0 to that, not %d and %d",
				i, col.Precision, col.Scale,
			)
		}
		if c.Type == "avro" && !avroName(col.Name) {
			bad(
				"column[%d].name: must be letters, digits and underscores for avro, not %q", i,
				col.Name,
			)
		}
	}
	if c.Extra != "" && (seen[c.Extra] || !avroName(c.Extra)) {
		bad(
			"extra: must be letters, digits and underscores, and no other column's name, not %q",
			c.Extra,
		)
	}
	if c.Schema == fromRegistry {
		if c.Type != "avro" && c.Type != "parquet" || len(c.Columns) > 0 {
			bad("schema: \"registry\" is for avro and parquet, and not together with column")
		}
	} else if c.Schema != "" {
		if c.Type != "avro" || len(c.Columns) > 0 {
			bad("schema: only for avro, and not together with column")
		} else if s, err := avro.ParseWithCache(c.Schema, "", &avro.SchemaCache{}); err != nil {
			bad("schema: %w", err)
		} else if s.Type() != avro.Record {
			bad("schema: must be a record, not %s", s.Type())
		}
	}
	return errors.Join(errs...)
}

// fingerprint covers the whole configuration.
func (c *Config) fingerprint(parts ...string) string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers
	}
	return strings.Join(append(parts, string(text)), "\n")
}
