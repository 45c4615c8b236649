package format

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
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
// (varints, but for the length of four bytes), members are those, compressed, and the file is made
// of them in the end; see AppendMember. The content is JSON, or cells where a schema of declared
// columns is laid over it already, and the key of its schema is before it where that is the values'
// own.
type staged struct {
	cfg         Config
	dec         decode.Decoder
	packing     sync.Pool    // *[]byte, in which a member is packed
	fixed       *tableSchema // of declared columns; nil when the schema is inferred
	cells       bool         // rows are kept as cells of the fixed schema
	rows        sync.Pool
	fingerprint string

	// Of files that have the schemas of their records, whose key stands before a row's content.
	schemas decode.Schemas
	tables  sync.Map // *tableSchema by key
}

// stagedLength is the bytes that a row's length takes.
const stagedLength = 4

func newStaged(c *Config, dec decode.Decoder, fingerprint string) (*staged, error) {
	s := &staged{
		cfg:         *c,
		dec:         dec,
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

func (s *staged) Fingerprint() string                     { return s.fingerprint }
func (s *staged) AppendHeader(dst []byte) ([]byte, error) { return dst, nil }

// packedBytes is about how many bytes of rows are packed together: so few that they are in a
// processor's cache from when they are unpacked until they are in the file.
const packedBytes = 64 << 10

// AppendMember appends a member, in parts that hold whole rows. They are in working files only:
// speed is all.
func (s *staged) AppendMember(dst, rows []byte) ([]byte, error) {
	buf, _ := s.packing.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	defer s.packing.Put(buf)
	for len(rows) > 0 {
		end := 0
		for end < len(rows) && end < packedBytes {
			end += stagedLength + int(binary.LittleEndian.Uint32(rows[end:]))
		}
		*buf = s2.Encode((*buf)[:cap(*buf)], rows[:end])
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(*buf)))
		dst = append(dst, *buf...)
		rows = rows[end:]
	}
	return dst, nil
}

func (s *staged) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	t := s.rows.Get().(*stagedScratch)
	defer func() {
		t.release()
		s.rows.Put(t)
	}()
	json, err := s.json(t, in.Record)
	if err != nil {
		return dst, err
	}
	key, table := t.content[:0], s.fixed
	if s.schemas != nil {
		if t.content, table, err = s.keyed(key, in.Record); err != nil {
			return dst, err
		}
		key = t.content
	}
	// What does not fit is found now, while it can be a dead letter still.
	t.row.reset()
	if table != nil {
		err = t.row.setColumns(table, json)
	} else if err = valid(json); err == nil && bytes.TrimLeft(json, " \t\r\n")[0] != '{' {
		err = errNoObject
	}
	if err != nil {
		return dst, err
	}
	dst, at := s.beginStaged(dst, in)
	if s.cells {
		dst = s.fixed.appendCells(dst, &t.row)
	} else {
		dst = append(append(dst, key...), json...)
	}
	return endStaged(dst, at), nil
}

// json returns a record's value as JSON, in t.json where it was not.
func (s *staged) json(t *stagedScratch, r *record.Record) (json []byte, err error) {
	if texts, ok := s.dec.(decode.Texts); ok && r.Value != nil {
		return texts.Text(r.Value, r.Headers)
	}
	t.json, err = s.appendJSON(t.json[:0], r)
	return t.json, err
}

// beginStaged appends what is before a row's content; endStaged ends the row that begins at at.
func (s *staged) beginStaged(dst []byte, in *partition.Input) (row []byte, at int) {
	at = len(dst)
	dst = append(dst, make([]byte, stagedLength)...)
	dst = binary.AppendVarint(dst, in.Record.Offset)
	dst = binary.AppendVarint(dst, in.Record.Time)
	dst = binary.AppendVarint(dst, int64(in.Partition))
	topic, key := in.Topic, in.Record.Key
	if !s.cfg.Metadata {
		topic, key = "", nil
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(topic))), topic...)
	if key == nil {
		return append(dst, 0), at
	}
	return append(binary.AppendUvarint(dst, uint64(len(key))+1), key...), at
}

func endStaged(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-stagedLength))
	return dst
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

// stagedRow is a row as it is read back; its slices may be kept, itself not.
type stagedRow struct {
	record.Record // Value is the content
	topic         string
	partition     int32
	key           string // of the schema
}

// stagedReader reads the rows of members. They lie where a part was unpacked, until free is called.
type stagedReader struct {
	in     *bufio.Reader
	packed []byte
	slab   []byte   // in which the part was unpacked
	rest   []byte   // of it, that was not returned
	lent   bool     // rows of slab were returned that are not free
	held   [][]byte // other slabs, of which such rows are
	spare  [][]byte // slabs to be used again

	keyed bool // a key is before each content
	topic string
	key   string
	row   stagedRow
}

func newStagedReader(members io.Reader) *stagedReader {
	return &stagedReader{in: bufio.NewReaderSize(members, 16<<10)}
}

// free tells that the rows so far are no longer needed.
func (r *stagedReader) free() {
	r.lent = false
	r.spare, r.held = append(r.spare, r.held...), r.held[:0]
}

// keep tells that the rows so far may be needed for ever.
func (r *stagedReader) keep() { r.slab, r.spare, r.held, r.lent = nil, nil, nil, false }

// unpack reads the next part of a member. The error after the last is io.EOF.
func (r *stagedReader) unpack() error {
	var head [4]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	r.packed = slices.Grow(r.packed[:0], n)[:n]
	if _, err := io.ReadFull(r.in, r.packed); err != nil {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	if r.lent {
		r.held, r.slab, r.lent = append(r.held, r.slab), nil, false
		if last := len(r.spare) - 1; last >= 0 {
			r.slab, r.spare = r.spare[last], r.spare[:last]
		}
	}
	var err error
	r.slab, err = s2.Decode(r.slab[:cap(r.slab)], r.packed)
	r.rest = r.slab
	return err
}

// next returns the next row, which is overwritten by the one after it; its slices are not. The
// error after the last is io.EOF.
func (r *stagedReader) next() (*stagedRow, error) {
	for len(r.rest) == 0 {
		if err := r.unpack(); err == io.EOF {
			return nil, io.EOF
		} else if err != nil {
			return nil, fmt.Errorf("working file: %w", err)
		}
	}
	at := cursor{p: r.rest}
	length := at.bytes(stagedLength)
	var p []byte
	if !at.bad {
		p = at.bytes(uint64(binary.LittleEndian.Uint32(length)))
	}
	if at.bad {
		return nil, errors.New("working file: damaged member")
	}
	r.rest, r.lent = at.p, true
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
	r.keep() // the last of the sample may be needed still
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
