package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hamba/avro/v2"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

func errCompression(format, name string) error {
	return fmt.Errorf("compression: %s has no %q", format, name)
}

// avroFormat writes with a schema that is known beforehand. Rows are records with their lengths.
type avroFormat struct {
	*container
	staged *staged
	schema avro.Schema  // as given
	table  *tableSchema // of declared columns, otherwise
}

func newAvro(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	if avroCodecs[comp.name] == "" {
		return nil, errCompression("avro", comp.name)
	}
	fingerprint := c.fingerprint("avro 3", comp.name, dec.Fingerprint())
	if c.Schema != "" && c.Schema != fromRegistry {
		schema, err := avro.ParseWithCache(c.Schema, "", &avro.SchemaCache{})
		if err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		var text bytes.Buffer
		if err := json.Compact(&text, []byte(c.Schema)); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		given := *c
		given.Extra, given.Metadata = "", false // the schema says what there is
		s := &staged{cfg: given, dec: dec, fingerprint: fingerprint}
		s.rows.New = func() any { return &stagedScratch{} }
		return &avroFormat{
			container: newContainer(text.String(), comp),
			staged:    s,
			schema:    schema,
		}, nil
	}
	s, err := newStaged(c, dec, fingerprint)
	if err != nil {
		return nil, err
	}
	if of, ok := dec.(decode.AvroSchemas); ok && s.schemas != nil {
		return newAvroRegistry(s, comp, of)
	}
	if s.fixed == nil {
		return &avroInferred{staged: s, comp: comp}, nil
	}
	return &avroFormat{
		container: newContainer(s.fixed.avro(), comp),
		staged:    s,
		table:     s.fixed,
	}, nil
}

func (f *avroFormat) Ext() (string, string) { return ".avro", "" }
func (f *avroFormat) ContentType() string   { return "application/vnd.apache.avro" }
func (f *avroFormat) Fingerprint() string   { return f.staged.fingerprint }

func (f *avroFormat) AppendHeader(
	dst []byte,
) ([]byte, error) {
	return append(dst, f.header...), nil
}

func (f *avroFormat) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	t := f.staged.rows.Get().(*stagedScratch)
	defer func() {
		t.release()
		f.staged.rows.Put(t)
	}()
	json, err := f.staged.json(t, in.Record)
	if err != nil {
		return dst, err
	}
	t.row.reset()
	var out []byte
	if len(json) > largeRow {
		out = make([]byte, 0, len(json)+1024)
	}
	if f.table != nil {
		if err := t.row.setColumns(f.table, json); err != nil {
			return dst, err
		}
		out = f.table.appendAvro(
			out, &t.row, &stagedRow{Record: *in.Record, topic: in.Topic, partition: in.Partition},
		)
	} else {
		n, err := root(json)
		if err != nil {
			return dst, err
		}
		if out, err = t.row.appendAvro(out, f.schema, n); err != nil {
			return dst, err
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(out))), out...), nil
}

func (f *avroFormat) AppendMember(dst, rows []byte) ([]byte, error) {
	records := make([]byte, 0, len(rows))
	count := 0
	for c := (cursor{p: rows}); len(c.p) > 0; count++ {
		records = append(records, c.bytes(c.uvarint())...)
		if c.bad {
			return dst, errors.New("avro: damaged rows")
		}
	}
	if count == 0 {
		return dst, nil
	}
	return f.appendBlock(dst, records, count)
}

// avroInferred writes with a schema made from the first records.
type avroInferred struct {
	*staged
	comp *compressor
}

func (f *avroInferred) Ext() (string, string) { return ".avro", "" }
func (f *avroInferred) ContentType() string   { return "application/vnd.apache.avro" }

const avroBlock = 256 << 10

// Finish implements Finisher.
func (f *avroInferred) Finish(dst io.Writer, members io.Reader) error {
	rd := newStagedReader(members)
	t, sample, err := f.table(rd)
	if err != nil {
		return err
	}
	var r row
	add := func(dst []byte, s *stagedRow) ([]byte, error) {
		r.reset()
		if err := r.setColumns(t, s.Value); err != nil {
			return dst, err
		}
		return t.appendAvro(dst, &r, s), nil
	}
	return writeAvro(dst, newContainer(t.avro(), f.comp), rd, sample, add)
}

// writeAvro writes a container of the rows of a sample and then of those that rd has still; add
// appends one.
func writeAvro(
	dst io.Writer, c *container, rd *stagedReader, sample []stagedRow,
	add func(dst []byte, s *stagedRow) ([]byte, error),
) error {
	if _, err := dst.Write(c.header); err != nil {
		return err
	}
	var records, block []byte
	count := 0
	flush := func() (err error) {
		if count == 0 {
			return nil
		}
		if block, err = c.appendBlock(block[:0], records, count); err != nil {
			return err
		}
		if records, count = records[:0], 0; cap(records) > 4*avroBlock {
			records = nil
		}
		_, err = dst.Write(block)
		return err
	}
	err := rd.each(sample, func(s *stagedRow) (err error) {
		if len(s.Value) > avroBlock {
			records = slices.Grow(records, len(s.Value)+1024)
		}
		if records, err = add(records, s); err != nil {
			return err
		}
		rd.free()
		if count++; len(records) < avroBlock {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
