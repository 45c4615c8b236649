package format

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// staged is what Parquet and Avro with an inferred schema have in common: rows are kept as
//
//	length | offset | time | partition | topic | key length + 1, or 0 | key | JSON
//
// (varints), members are those, compressed, and the file is made of them in the end.
type staged struct {
	cfg         Config
	dec         decode.Decoder
	keep        *compressor
	fixed       *tableSchema // of declared columns; nil when the schema is inferred
	rows        sync.Pool
	fingerprint string
}

func newStaged(c *Config, dec decode.Decoder, fingerprint string) (*staged, error) {
	keep, err := newCompressor("snappy")
	if err != nil {
		return nil, err
	}
	s := &staged{cfg: *c, dec: dec, keep: keep, fingerprint: fingerprint, rows: sync.Pool{New: func() any { return &stagedScratch{} }}}
	if len(c.Columns) > 0 {
		s.fixed = newTable(declared(c.Columns), c)
	} else if c.Extra == "" {
		return nil, errors.New("extra: must be set where the schema is inferred, for later records may have other fields")
	}
	return s, nil
}

type stagedScratch struct {
	json []byte
	row  row
}

func (s *staged) Fingerprint() string                           { return s.fingerprint }
func (s *staged) AppendHeader(dst []byte) ([]byte, error)       { return dst, nil }
func (s *staged) AppendMember(dst, rows []byte) ([]byte, error) { return s.keep.append(dst, rows) }

func (s *staged) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	t := s.rows.Get().(*stagedScratch)
	defer s.rows.Put(t)
	var err error
	if t.json, err = s.dec.AppendJSON(t.json[:0], in.Record.Value); err != nil {
		return dst, err
	}
	// What does not fit is found now, while it can be a dead letter still.
	t.row.reset()
	if s.fixed != nil {
		err = t.row.lay(s.fixed, t.json)
	} else if err = t.row.doc.valid(t.json); err == nil && bytes.TrimLeft(t.json, " \t\r\n")[0] != '{' {
		err = fmt.Errorf("%w: not an object", errJSON)
	}
	if err != nil {
		return dst, err
	}
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
	n := len(h) + uvarintLen(uint64(len(topic))) + len(topic) + uvarintLen(keyLen) + len(key) + len(t.json)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = append(dst, h...)
	dst = append(binary.AppendUvarint(dst, uint64(len(topic))), topic...)
	dst = append(binary.AppendUvarint(dst, keyLen), key...)
	return append(dst, t.json...), nil
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
	record.Record // Value is JSON
	topic         string
	partition     int32
}

// each reads the rows of members.
func (s *staged) each(members io.Reader, do func(*stagedRow) error) error {
	zr, _, err := Decompress(members)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	defer zr.Close()
	br := bufio.NewReaderSize(zr, 256<<10)
	var topic string
	var r stagedRow
	var slab []byte // rows are cut from it; whoever keeps one keeps it
	for {
		n, err := binary.ReadUvarint(br)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("working file: %w", err)
		}
		if n > 1<<31 {
			return fmt.Errorf("working file: row of %d bytes", n)
		}
		if uint64(len(slab)) < n {
			slab = make([]byte, max(n, 1<<20))
		}
		p := slab[:n:n]
		slab = slab[n:]
		if _, err := io.ReadFull(br, p); err != nil {
			return fmt.Errorf("working file: %w", err)
		}
		r = stagedRow{}
		q := cursor{p: p}
		r.Offset, r.Time, r.partition = q.varint(), q.varint(), int32(q.varint())
		if b := q.bytes(q.uvarint()); string(b) != topic {
			topic = string(b)
		}
		r.topic = topic
		if n := q.uvarint(); n > 0 {
			r.Key = q.bytes(n - 1)
		}
		if q.bad {
			return errors.New("working file: damaged row")
		}
		r.Value = q.p
		if err := do(&r); err != nil {
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

// finish reads the members and calls begin with the schema once it is known, and then row with each row.
func (s *staged) finish(members io.Reader, begin func(*tableSchema) error, row func(*stagedRow) error) error {
	if s.fixed != nil {
		if err := begin(s.fixed); err != nil {
			return err
		}
		return s.each(members, row)
	}
	var sample []stagedRow
	var seen shape
	var doc document
	size := int64(0)
	begun := false
	settle := func() error {
		begun = true
		left := maxColumns
		if err := begin(newTable(seen.columns(nil, &s.cfg, &left), &s.cfg)); err != nil {
			return err
		}
		for i := range sample {
			if err := row(&sample[i]); err != nil {
				return err
			}
		}
		sample = nil
		return nil
	}
	err := s.each(members, func(r *stagedRow) error {
		if begun {
			return row(r)
		}
		if err := doc.parse(r.Value); err != nil {
			return err
		}
		seen.see(&doc, 0, 0)
		sample = append(sample, *r)
		// By bytes as well, whatever the records' size.
		if size += int64(len(r.Value)); len(sample) < s.cfg.Sample && size < s.cfg.RowGroup {
			return nil
		}
		return settle()
	})
	if err != nil {
		return err
	}
	if !begun {
		return settle()
	}
	return nil
}
