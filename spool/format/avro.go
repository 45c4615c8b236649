package format

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"github.com/hamba/avro/v2"
	"github.com/klauspost/compress/snappy"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

func errCompression(format, name string) error {
	return fmt.Errorf("compression: %s has no %q", format, name)
}

// container is an Avro object container file: a header and blocks.
// https://avro.apache.org/docs/1.12.0/specification/#object-container-files
type container struct {
	header []byte
	sync   [16]byte
	codec  string
	comp   *compressor
}

var avroCodecs = map[string]string{"none": "null", "gzip": "deflate", "zstd": "zstandard", "snappy": "snappy", "bzip2": "bzip2"}

func newContainer(schema string, comp *compressor) *container {
	c := &container{codec: avroCodecs[comp.name], comp: comp}
	// The marker is random by custom, and the same for the same schema here.
	sum := sha256.Sum256([]byte("penstock avro sync\n" + c.codec + "\n" + schema))
	copy(c.sync[:], sum[:])
	h := []byte("Obj\x01\x04")
	for _, kv := range [][2]string{{"avro.codec", c.codec}, {"avro.schema", schema}} {
		h = appendBytes(appendBytes(h, []byte(kv[0])), []byte(kv[1]))
	}
	c.header = append(append(h, 0), c.sync[:]...)
	return c
}

func appendBytes(dst, b []byte) []byte { return append(binary.AppendVarint(dst, int64(len(b))), b...) }

// appendBlock appends a block of count records.
func (c *container) appendBlock(dst, records []byte, count int) ([]byte, error) {
	var packed []byte
	switch c.codec {
	case "null":
		packed = records
	case "deflate":
		var buf bytes.Buffer
		w, err := flate.NewWriter(&buf, flate.BestSpeed+1)
		if err != nil {
			return dst, err
		}
		if _, err := w.Write(records); err != nil {
			return dst, err
		}
		if err := w.Close(); err != nil {
			return dst, err
		}
		packed = buf.Bytes()
	case "snappy":
		packed = snappy.Encode(nil, records)
		packed = binary.BigEndian.AppendUint32(packed, crc32.ChecksumIEEE(records))
	default:
		var err error
		if packed, err = c.comp.append(nil, records); err != nil {
			return dst, err
		}
	}
	dst = binary.AppendVarint(dst, int64(count))
	return append(appendBytes(dst, packed), c.sync[:]...), nil
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
	fingerprint := c.fingerprint("avro 1", comp.name, dec.Fingerprint())
	if c.Schema != "" {
		schema, err := avro.ParseWithCache(c.Schema, "", &avro.SchemaCache{})
		if err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		var text bytes.Buffer
		if err := json.Compact(&text, []byte(c.Schema)); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		given := *c
		given.Extra = "" // the schema says what there is
		s := &staged{cfg: given, dec: dec, fingerprint: fingerprint}
		s.rows.New = func() any { return &stagedScratch{} }
		return &avroFormat{container: newContainer(text.String(), comp), staged: s, schema: schema}, nil
	}
	s, err := newStaged(c, dec, fingerprint)
	if err != nil {
		return nil, err
	}
	if s.fixed == nil {
		return &avroInferred{staged: s, comp: comp}, nil
	}
	return &avroFormat{container: newContainer(s.fixed.avro(), comp), staged: s, table: s.fixed}, nil
}

func (f *avroFormat) Ext() (string, string) { return ".avro", "" }
func (f *avroFormat) ContentType() string   { return "application/vnd.apache.avro" }
func (f *avroFormat) Fingerprint() string   { return f.staged.fingerprint }

func (f *avroFormat) AppendHeader(dst []byte) ([]byte, error) { return append(dst, f.header...), nil }

func (f *avroFormat) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	t := f.staged.rows.Get().(*stagedScratch)
	defer f.staged.rows.Put(t)
	var err error
	if t.json, err = f.staged.dec.AppendJSON(t.json[:0], in.Record.Value); err != nil {
		return dst, err
	}
	t.row.reset()
	var out []byte
	if f.table != nil {
		if err := t.row.lay(f.table, t.json); err != nil {
			return dst, err
		}
		out = f.table.appendAvro(nil, &t.row, &stagedRow{Record: *in.Record, topic: in.Topic, partition: in.Partition})
	} else {
		if err := t.row.doc.parse(t.json); err != nil {
			return dst, err
		}
		if out, err = t.row.appendAvro(nil, f.schema, 0); err != nil {
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
	c := newContainer(t.avro(), f.comp)
	if _, err := dst.Write(c.header); err != nil {
		return err
	}
	var r row
	var records, block []byte
	count := 0
	flush := func() (err error) {
		if count == 0 {
			return nil
		}
		if block, err = c.appendBlock(block[:0], records, count); err != nil {
			return err
		}
		records, count = records[:0], 0
		_, err = dst.Write(block)
		return err
	}
	err = rd.each(sample, func(s *stagedRow) error {
		r.reset()
		if err := r.lay(t, s.Value); err != nil {
			return err
		}
		records = t.appendAvro(records, &r, s)
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

// avro returns the schema as JSON text.
func (t *tableSchema) avro() string {
	var group func(name string, columns []*column) map[string]any
	var of func(c *column, name string) any
	of = func(c *column, name string) any {
		logical := func(base, kind string) any { return map[string]any{"type": base, "logicalType": kind} }
		var v any
		switch c.typ {
		case tGroup:
			v = group(name, c.children)
		case tList:
			v = map[string]any{"type": "array", "items": of(c.elem, name)}
		case tInt32:
			v = "int"
		case tInt64:
			v = "long"
		case tFloat:
			v = "float"
		case tDouble:
			v = "double"
		case tBoolean:
			v = "boolean"
		case tTimestampMS:
			v = logical("long", "timestamp-millis")
		case tTimestampUS:
			v = logical("long", "timestamp-micros")
		case tDate:
			v = logical("int", "date")
		case tBinary:
			v = "bytes"
		default:
			v = "string"
		}
		if c.required {
			return v
		}
		return []any{"null", v}
	}
	group = func(name string, columns []*column) map[string]any {
		fields := []any{}
		for _, c := range columns {
			f := map[string]any{"name": c.name, "type": of(c, name+"_"+c.name)}
			if !c.required {
				f["default"] = nil
			}
			fields = append(fields, f)
		}
		return map[string]any{"type": "record", "name": name, "fields": fields}
	}
	text, err := json.Marshal(group("record", t.columns))
	if err != nil {
		panic(err) // maps of strings
	}
	return string(text)
}

// appendAvro appends a laid row in Avro's binary encoding.
func (t *tableSchema) appendAvro(dst []byte, r *row, s *stagedRow) []byte {
	for _, c := range t.columns {
		if c.meta != noMeta {
			v, ok := c.metaValue(r, s)
			dst = appendAvroScalar(dst, c, v, ok)
			continue
		}
		dst = appendAvroColumn(dst, c, r)
	}
	return dst
}

func appendAvroColumn(dst []byte, c *column, r *row) []byte {
	j := int(r.slots[c.id])
	switch c.typ {
	case tGroup:
		if j < 0 {
			return append(dst, 0)
		}
		dst = append(dst, 2)
		for _, child := range c.children {
			dst = appendAvroColumn(dst, child, r)
		}
		return dst
	case tList:
		if j < 0 {
			return append(dst, 0)
		}
		dst = append(dst, 2)
		n := int64(0)
		for k := j + 1; k < int(r.doc.nodes[j].next); k = int(r.doc.nodes[k].next) {
			n++
		}
		if n > 0 {
			dst = binary.AppendVarint(dst, n)
		}
		for k := j + 1; k < int(r.doc.nodes[j].next); k = int(r.doc.nodes[k].next) {
			var v scalar
			ok := r.doc.nodes[k].kind != null
			if ok {
				v, _ = r.convert(c.elem.typ, k) // fits has seen that it can be
			}
			dst = appendAvroScalar(dst, c.elem, v, ok)
		}
		return append(dst, 0)
	}
	return appendAvroScalar(dst, c, r.vals[c.id], j >= 0)
}

func appendAvroScalar(dst []byte, c *column, v scalar, present bool) []byte {
	if !c.required {
		if !present {
			return append(dst, 0)
		}
		dst = append(dst, 2)
	}
	switch c.typ {
	case tInt32, tInt64, tTimestampMS, tTimestampUS, tDate:
		return binary.AppendVarint(dst, v.n)
	case tFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.f)))
	case tDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.f))
	case tBoolean:
		return append(dst, byte(v.n))
	}
	return appendBytes(dst, v.b)
}

// appendAvro appends node j as a value of a given schema. Members that the schema does not have are left out, as Avro's schema resolution does; fields
// that are missing take their default.
func (r *row) appendAvro(dst []byte, schema avro.Schema, j int) ([]byte, error) {
	n := &r.doc.nodes[j]
	switch s := schema.(type) {
	case *avro.RefSchema:
		return r.appendAvro(dst, s.Schema(), j)
	case *avro.RecordSchema:
		if n.kind != object {
			return dst, fmt.Errorf("avro: %s is no object", s.Name())
		}
		var err error
		for _, f := range s.Fields() {
			k := r.doc.find(j, []string{f.Name()})
			for _, alias := range f.Aliases() {
				if k < 0 {
					k = r.doc.find(j, []string{alias})
				}
			}
			if k >= 0 {
				dst, err = r.appendAvro(dst, f.Type(), k)
			} else {
				dst, err = appendMissing(dst, f)
			}
			if err != nil {
				return dst, fmt.Errorf("%s: %w", f.Name(), err)
			}
		}
		return dst, nil
	case *avro.UnionSchema:
		for i, branch := range s.Types() {
			if out, err := r.appendAvro(binary.AppendVarint(dst, int64(i)), branch, j); err == nil {
				return out, nil
			}
		}
		return dst, errors.New("avro: no branch of the union fits")
	case *avro.ArraySchema:
		if n.kind != array {
			return dst, errors.New("avro: no array")
		}
		return r.appendAvroItems(dst, j, func(dst []byte, k int) ([]byte, error) { return r.appendAvro(dst, s.Items(), k) })
	case *avro.MapSchema:
		if n.kind != object {
			return dst, errors.New("avro: no object for a map")
		}
		return r.appendAvroItems(dst, j, func(dst []byte, k int) ([]byte, error) {
			return r.appendAvro(appendBytes(dst, r.doc.name(&r.doc.nodes[k])), s.Values(), k)
		})
	case *avro.EnumSchema:
		if n.kind == text {
			name := string(r.doc.text(n))
			for i, symbol := range s.Symbols() {
				if symbol == name {
					return binary.AppendVarint(dst, int64(i)), nil
				}
			}
		}
		return dst, fmt.Errorf("avro: %s is no symbol of %s", n.val, s.Name())
	case *avro.FixedSchema:
		b, err := base64.StdEncoding.DecodeString(string(n.val))
		if n.kind != text || err != nil || len(b) != s.Size() {
			return dst, fmt.Errorf("avro: no base64 of %d bytes", s.Size())
		}
		return append(dst, b...), nil
	case *avro.NullSchema:
		if n.kind != null {
			return dst, errors.New("avro: not null")
		}
		return dst, nil
	case *avro.PrimitiveSchema:
		return r.appendPrimitive(dst, s, j)
	}
	return dst, fmt.Errorf("avro: cannot write %T", schema)
}

func (r *row) appendAvroItems(dst []byte, j int, item func([]byte, int) ([]byte, error)) ([]byte, error) {
	n := &r.doc.nodes[j]
	count := int64(0)
	for k := j + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
		count++
	}
	if count > 0 {
		dst = binary.AppendVarint(dst, count)
	}
	var err error
	for k := j + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
		if dst, err = item(dst, k); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func (r *row) appendPrimitive(dst []byte, s *avro.PrimitiveSchema, j int) ([]byte, error) {
	n := &r.doc.nodes[j]
	c := &column{required: true}
	logical := avro.LogicalType("")
	if s.Logical() != nil {
		logical = s.Logical().Type()
	}
	switch {
	case s.Type() == avro.String:
		if n.kind != text {
			return dst, errors.New("avro: no string")
		}
	case s.Type() == avro.Bytes && logical == "":
		c.typ = tBinary
	case s.Type() == avro.Boolean:
		c.typ = tBoolean
	case s.Type() == avro.Float:
		c.typ = tFloat
	case s.Type() == avro.Double:
		c.typ = tDouble
	case logical == avro.TimestampMillis || logical == avro.LocalTimestampMillis:
		c.typ = tTimestampMS
	case logical == avro.TimestampMicros || logical == avro.LocalTimestampMicros:
		c.typ = tTimestampUS
	case logical == avro.Date && n.kind == text:
		c.typ = tDate
	case s.Type() == avro.Int:
		c.typ = tInt32
	case s.Type() == avro.Long:
		c.typ = tInt64
	default:
		return dst, fmt.Errorf("avro: cannot write %s %s", s.Type(), logical)
	}
	if n.kind == null {
		return dst, errors.New("avro: null")
	}
	v, ok := r.convert(c.typ, j)
	if !ok {
		return dst, fmt.Errorf("avro: %s is no %s", strconv.QuoteToASCII(string(n.val)), s.Type())
	}
	return appendAvroScalar(dst, c, v, true), nil
}

// appendMissing appends a field's default, or null where the field may be that.
func appendMissing(dst []byte, f *avro.Field) ([]byte, error) {
	if f.HasDefault() {
		text, err := json.Marshal(f.Default())
		if err != nil {
			return dst, err
		}
		var r row
		if f.Default() == nil {
			text = []byte("null")
		}
		if err := r.doc.parse(text); err != nil {
			return dst, err
		}
		return r.appendAvro(dst, f.Type(), 0)
	}
	if u, ok := f.Type().(*avro.UnionSchema); ok {
		for i, branch := range u.Types() {
			if branch.Type() == avro.Null {
				return binary.AppendVarint(dst, int64(i)), nil
			}
		}
	}
	return dst, errors.New("avro: the field is missing and has no default")
}
