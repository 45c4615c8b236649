package format

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hamba/avro/v2"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// fromRegistry is the schema of files that have that of their records' values: each file holds
// records of one schema, so that a new version is another file and nothing depends on which came
// first.
const fromRegistry = "registry"

// AppendSchemaKey implements Splitter.
func (s *staged) AppendSchemaKey(dst []byte, r *record.Record) []byte {
	if s.schemas == nil || r.Value == nil {
		return dst
	}
	// An error is told by AppendRow as well.
	if out, err := s.schemas.AppendSchemaKey(dst, r.Value, r.Headers); err == nil {
		return out
	}
	return dst
}

// useSchemas makes s one of files by schemas.
func (s *staged) useSchemas() error {
	schemas, ok := s.dec.(decode.Schemas)
	if !ok {
		return errors.New(
			`schema: "registry" is for values of decode "avro" and "protobuf", which have a schema`,
		)
	}
	s.schemas = schemas
	return nil
}

// keyed appends the key of a record's schema with its length before it, which is what the content
// of a row begins with, and returns the table of the schema.
func (s *staged) keyed(dst []byte, r *record.Record) ([]byte, *tableSchema, error) {
	key := s.AppendSchemaKey(nil, r)
	dst = append(binary.AppendUvarint(dst, uint64(len(key))), key...)
	if t, ok := s.tables.Load(string(key)); ok {
		return dst, t.(*tableSchema), nil
	}
	t, err := s.tableOf(string(key))
	if err == nil {
		s.tables.Store(string(key), t)
	}
	return dst, t, err
}

// tableOf makes the table of a schema; of tombstones, which have none, that of nothing.
func (s *staged) tableOf(key string) (*tableSchema, error) {
	shape := &decode.Shape{}
	if key != "" {
		var err error
		if shape, err = s.schemas.Shape(key); err != nil {
			return nil, err
		}
	}
	return newTable(shaped(shape.Fields, nil, &s.cfg), &s.cfg), nil
}

// shaped returns the columns of a schema's fields. Names that become one, or differ in case alone,
// are one to most readers: the first is a column, the others are extra.
func shaped(fields []*decode.Shape, path []string, c *Config) []*column {
	var out []*column
	taken := takenNames(len(path) == 0, c)
	for _, f := range fields {
		if c.omits(path, f.Name) {
			continue
		}
		name := columnName(f.Name, c.ColumnCase)
		if c.Type == "avro" {
			name = avroSafe(name)
		}
		if key := strings.ToLower(name); name != "" && !taken[key] {
			taken[key] = true
			out = append(out, ofShape(f, name, append(slices.Clip(path), f.Name), c))
		}
	}
	return out
}

func ofShape(f *decode.Shape, name string, path []string, c *Config) *column {
	col := &column{
		name: name, path: path, precision: f.Precision, scale: f.Scale, anyFloat: true,
	}
	switch f.Type {
	case "group":
		col.typ = tJSON
		if c.Nested == "group" {
			if children := shaped(f.Fields, path, c); len(children) > 0 {
				col.typ, col.children = tGroup, children
			}
		}
	case "list":
		col.typ, col.elem = tList, ofShape(f.Elem, "element", nil, c)
	default:
		col.typ = columnType(f.Type)
	}
	return col
}

// avroRegistry writes values of Avro as they are, under their own schema.
type avroRegistry struct {
	*staged
	comp *compressor
	of   decode.AvroSchemas
	meta *tableSchema // of the columns behind the values' own
}

func newAvroRegistry(s *staged, comp *compressor, of decode.AvroSchemas) (*avroRegistry, error) {
	if len(s.cfg.Omit) > 0 || s.cfg.ColumnCase != "" {
		return nil, errors.New(
			"column_case, omit, omit_path_fields: with schema = \"registry\", avro values are " +
				"written as they are: use parquet, or leave schema out",
		)
	}
	meta := s.cfg
	meta.Extra = "" // every field has its place
	return &avroRegistry{s, comp, of, newTable(nil, &meta)}, nil
}

func (f *avroRegistry) Ext() (string, string) { return ".avro", "" }
func (f *avroRegistry) ContentType() string   { return "application/vnd.apache.avro" }

// AppendRow implements Format: the row's content is the value.
func (f *avroRegistry) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	if in.Record.Value == nil {
		return dst, errTombstone
	}
	t := f.rows.Get().(*stagedScratch)
	defer func() {
		t.release()
		f.rows.Put(t)
	}()
	var err error
	if t.json, err = f.appendJSON(t.json[:0], in.Record); err != nil { // it is what it should be
		return dst, err
	}
	body, err := f.of.AvroBody(in.Record.Value, in.Record.Headers)
	if err != nil {
		return dst, err
	}
	key := f.AppendSchemaKey(nil, in.Record)
	if _, ok := f.tables.Load(string(key)); !ok {
		if _, err := f.schema(string(key)); err != nil {
			return dst, err
		}
		f.tables.Store(string(key), (*tableSchema)(nil))
	}
	t.content = append(binary.AppendUvarint(t.content[:0], uint64(len(key))), key...)
	dst, at := f.beginStaged(dst, in)
	return endStaged(append(append(dst, t.content...), body...), at), nil
}

// schema returns the schema of a file: that of the values, and of what is behind them.
func (f *avroRegistry) schema(key string) (string, error) {
	text, err := f.of.AvroSchema(key)
	if err != nil || !f.cfg.Metadata {
		return text, err
	}
	var schema, meta map[string]json.RawMessage
	var fields, more []json.RawMessage
	if err := errors.Join(
		json.Unmarshal([]byte(text), &schema), json.Unmarshal([]byte(f.meta.avro()), &meta),
	); err != nil {
		return "", fmt.Errorf("avro: %w", err)
	}
	if err := errors.Join(
		json.Unmarshal(schema["fields"], &fields), json.Unmarshal(meta["fields"], &more),
	); err != nil {
		return "", fmt.Errorf("avro: %w", err)
	}
	if schema["fields"], err = json.Marshal(append(fields, more...)); err != nil {
		return "", err
	}
	out, err := json.Marshal(schema)
	if err != nil {
		return "", err
	}
	if _, err := avro.ParseWithCache(string(out), "", &avro.SchemaCache{}); err != nil {
		return "", fmt.Errorf("avro: no room for the columns of metadata: %w", err)
	}
	return string(out), nil
}

// Finish implements Finisher.
func (f *avroRegistry) Finish(dst io.Writer, members io.Reader) error {
	rd := newStagedReader(members)
	rd.keyed = true
	first, err := rd.next()
	if err != nil {
		return err
	}
	schema, err := f.schema(first.key)
	if err != nil {
		return err
	}
	var r row
	add := func(dst []byte, s *stagedRow) ([]byte, error) {
		return f.meta.appendAvro(append(dst, s.Value...), &r, s), nil
	}
	return writeAvro(dst, newContainer(schema, f.comp), rd, []stagedRow{*first}, add)
}
