package format

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// staged is what Parquet and Avro with an inferred schema have in common: rows are kept as
//
//	length | offset | time | partition | topic | key length + 1, or 0 | key | content
//
// (varints), members are those, compressed, and the file is made of them in the end. The content is
// JSON, or cells where a schema of declared columns is laid over it already, and the key of its
// schema is before it where that is the values' own.
type staged struct {
	cfg         Config
	dec         decode.Decoder
	keep        *compressor
	fixed       *tableSchema // of declared columns; nil when the schema is inferred
	cells       bool         // rows are kept as cells of the fixed schema
	rows        sync.Pool
	fingerprint string

	// Of files that have the schemas of their records, whose key stands before a row's content.
	schemas decode.Schemas
	tables  sync.Map // *tableSchema by key
}

func newStaged(c *Config, dec decode.Decoder, fingerprint string) (*staged, error) {
	// Working files only: speed is all.
	keep := streaming(
		"s2", "",
		func() resetter {
			return s2.NewWriter(nil, s2.WriterConcurrency(1), s2.WriterBlockSize(256<<10))
		},
	)
	s := &staged{
		cfg:         *c,
		dec:         dec,
		keep:        keep,
		fingerprint: fingerprint,
		rows:        sync.Pool{New: func() any { return &stagedScratch{} }},
	}
	if c.Schema == fromRegistry {
		return s, s.useSchemas()
	}
	if len(c.Columns) > 0 {
		s.fixed = newTable(declared(c.Columns), c)
	} else if c.Extra == "" {
		return nil, errors.New(
			"extra: must be set where the schema is inferred, for later records may have other fields",
		)
	}
	return s, nil
}

type stagedScratch struct {
	json    []byte
	content []byte
	row     row
}

// release lets go of what a large record has needed.
func (t *stagedScratch) release() {
	t.row.reset()
	if cap(t.json) > largeRow {
		t.json = nil
		clear(t.row.slots)
		clear(t.row.vals)
	}
	if cap(t.content) > largeRow {
		t.content = nil
	}
}

func (s *staged) Fingerprint() string                           { return s.fingerprint }
func (s *staged) AppendHeader(dst []byte) ([]byte, error)       { return dst, nil }
func (s *staged) AppendMember(dst, rows []byte) ([]byte, error) { return s.keep.append(dst, rows) }

func (s *staged) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	t := s.rows.Get().(*stagedScratch)
	defer func() {
		t.release()
		s.rows.Put(t)
	}()
	var err error
	if t.json, err = s.appendJSON(t.json[:0], in.Record); err != nil {
		return dst, err
	}
	content, table := t.json, s.fixed
	if s.schemas != nil {
		if t.content, table, err = s.keyed(t.content[:0], in.Record); err != nil {
			return dst, err
		}
		t.content = append(t.content, t.json...)
		content = t.content
	}
	// What does not fit is found now, while it can be a dead letter still.
	t.row.reset()
	if table != nil {
		err = t.row.setColumns(table, t.json)
	} else if err = valid(t.json); err == nil && bytes.TrimLeft(t.json, " \t\r\n")[0] != '{' {
		err = errNoObject
	}
	if err != nil {
		return dst, err
	}
	if s.cells {
		t.content = s.fixed.appendCells(t.content[:0], &t.row)
		content = t.content
	}
	return s.appendStaged(dst, in, content), nil
}

func (s *staged) appendStaged(dst []byte, in *partition.Input, content []byte) []byte {
	var head [4 * binary.MaxVarintLen64]byte
	h := binary.AppendVarint(head[:0], in.Record.Offset)
	h = binary.AppendVarint(h, in.Record.Time)
	h = binary.AppendVarint(h, int64(in.Partition))
	topic, key := in.Topic, in.Record.Key
	if !s.cfg.Metadata {
		topic, key = "", nil
	}
	keyLen := uint64(0)
	if key != nil {
		keyLen = uint64(len(key)) + 1
	}
	n := len(
		h,
	) + uvarintLen(
		uint64(len(topic)),
	) + len(
		topic,
	) + uvarintLen(
		keyLen,
	) + len(
		key,
	) + len(
		content,
	)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = append(dst, h...)
	dst = append(binary.AppendUvarint(dst, uint64(len(topic))), topic...)
	dst = append(binary.AppendUvarint(dst, keyLen), key...)
	return append(dst, content...)
}

// appendJSON appends a value as JSON. A tombstone has its key and place, and no fields.
func (s *staged) appendJSON(dst []byte, r *record.Record) ([]byte, error) {
	if r.Value != nil {
		return s.dec.AppendJSON(dst, r.Value, r.Headers)
	}
	if !s.cfg.Metadata {
		return dst, errTombstone
	}
	return append(dst, "{}"...), nil
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// stagedRow is a row as it is read back; its slices may be kept, itself not.
type stagedRow struct {
	record.Record // Value is the content
	topic         string
	partition     int32
	key           string // of the schema
}

// stagedReader reads the rows of members. They lie in a slab, until free is called.
type stagedReader struct {
	br    *bufio.Reader
	keyed bool // a key is before each content
	topic string
	key   string
	slab  []byte
	used  int
	row   stagedRow
}

func newStagedReader(members io.Reader) *stagedReader {
	return &stagedReader{br: bufio.NewReaderSize(s2.NewReader(members), 64<<10)}
}

// free tells that the rows so far are no longer needed.
func (r *stagedReader) free() { r.used = 0 }

// next returns the next row, which is overwritten by the one after it; its slices are not. The
// error after the last is io.EOF.
func (r *stagedReader) next() (*stagedRow, error) {
	n, err := binary.ReadUvarint(r.br)
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("working file: %w", err)
	}
	if n > 1<<31 {
		return nil, fmt.Errorf("working file: row of %d bytes", n)
	}
	if len(r.slab)-r.used < int(n) {
		// who keeps rows of the old one keeps it
		r.slab, r.used = make([]byte, max(int(n), 256<<10)), 0
	}
	p := r.slab[r.used : r.used+int(n) : r.used+int(n)]
	r.used += int(n)
	if _, err := io.ReadFull(r.br, p); err != nil {
		return nil, fmt.Errorf("working file: %w", err)
	}
	row := &r.row
	*row = stagedRow{}
	q := cursor{p: p}
	row.Offset, row.Time, row.partition = q.varint(), q.varint(), int32(q.varint())
	if b := q.bytes(q.uvarint()); string(b) != r.topic {
		r.topic = string(b)
	}
	row.topic = r.topic
	if n := q.uvarint(); n > 0 {
		row.Key = q.bytes(n - 1)
	}
	if r.keyed {
		if b := q.bytes(q.uvarint()); string(b) != r.key {
			r.key = string(b)
		}
		row.key = r.key
	}
	if q.bad {
		return nil, errors.New("working file: damaged row")
	}
	row.Value = q.p
	return row, nil
}

// table returns the schema, and the rows that had to be read to find it out.
func (s *staged) table(r *stagedReader) (*tableSchema, []stagedRow, error) {
	if s.fixed != nil {
		return s.fixed, nil, nil
	}
	if s.schemas != nil {
		r.keyed = true
		first, err := r.next()
		if err != nil {
			return nil, nil, err
		}
		t, err := s.tableOf(first.key)
		return t, []stagedRow{*first}, err
	}
	var sample []stagedRow
	seen := sampler{nested: s.cfg.Nested == "group"}
	// By bytes as well, whatever the records' size.
	for size := int64(0); len(sample) < s.cfg.Sample && size < s.cfg.RowGroup; {
		row, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		n, err := root(row.Value)
		if err != nil {
			return nil, nil, err
		}
		seen.see(&seen.root, n, 0)
		seen.bytes += int64(len(row.Value))
		sample = append(sample, *row)
		size += int64(len(row.Value))
	}
	left := maxColumns
	if n := int64(len(sample)); n > 0 {
		left = max(minColumns, min(left, int(columnsPerByte*seen.bytes/n)))
	}
	return newTable(seen.root.columns(nil, &s.cfg, &left), &s.cfg), sample, nil
}

// each calls row with the rows of a sample and then with those that r has still.
func (r *stagedReader) each(sample []stagedRow, row func(*stagedRow) error) error {
	for i := range sample {
		if err := row(&sample[i]); err != nil {
			return err
		}
		sample[i] = stagedRow{}
	}
	r.slab, r.used = nil, 0 // the last of the sample may be needed still
	for {
		s, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = row(s)
		}
		if err != nil {
			return err
		}
	}
}

type cursor struct {
	p   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.p)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.p = c.p[n:]
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.p)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.p = c.p[n:]
	return v
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.p)) {
		c.bad = true
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}
