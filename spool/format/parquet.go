package format

import (
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/penstock/penstock/spool/format/decode"
)

// parquetFormat is Apache Parquet, one file per object.
type parquetFormat struct {
	*staged
	codec compress.Codec
}

func newParquet(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	// Not lz4: the library writes it and does not read it back.
	codecs := map[string]compress.Codec{"none": &parquet.Uncompressed, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "snappy": &parquet.Snappy}
	codec := codecs[comp.name]
	if codec == nil {
		return nil, errCompression("parquet", comp.name)
	}
	s, err := newStaged(c, dec, c.fingerprint("parquet 1", comp.name, dec.Fingerprint()))
	if err != nil {
		return nil, err
	}
	return &parquetFormat{s, codec}, nil
}

func (f *parquetFormat) Ext() (string, string) { return ".parquet", "" }
func (f *parquetFormat) ContentType() string   { return "application/vnd.apache.parquet" }

const batchRows = 256

// Finish implements Finisher.
func (f *parquetFormat) Finish(dst io.Writer, members io.Reader) error {
	var w *parquet.GenericWriter[any]
	var t *tableSchema
	var r row
	rows := make([]parquet.Row, 0, batchRows)
	values := make([]parquet.Value, 0, batchRows*16)
	size := int64(0)
	write := func() error {
		_, err := w.WriteRows(rows)
		clear(rows)
		rows, values = rows[:0], values[:0]
		r.reset()
		return err
	}
	err := f.finish(members, func(table *tableSchema) error {
		t = table
		w = parquet.NewGenericWriter[any](dst, parquet.NewSchema("record", t.parquet()), &parquet.WriterConfig{
			CreatedBy: "penstock", Compression: f.codec, PageBufferSize: 256 << 10, WriteBufferSize: 64 << 10, DataPageStatistics: true,
			MaxRowsPerRowGroup: 1 << 40, DataPageVersion: 1,
		})
		return nil
	}, func(s *stagedRow) error {
		if err := r.lay(t, s.Value); err != nil {
			return err
		}
		start := len(values)
		values = t.shred(values, &r, s)
		rows = append(rows, values[start:len(values):len(values)])
		size += int64(len(s.Value))
		if len(rows) == batchRows {
			if err := write(); err != nil {
				return err
			}
		}
		if size < f.cfg.RowGroup {
			return nil
		}
		size = 0
		if len(rows) > 0 {
			if err := write(); err != nil {
				return err
			}
		}
		return w.Flush()
	})
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	return w.Close()
}

// ordered is a group whose fields stand in the order of the columns; the library's own sorts them.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o *ordered) Fields() []parquet.Field { return o.fields }

func group(columns []*column, node func(*column) parquet.Node) parquet.Node {
	g := parquet.Group{}
	for _, c := range columns {
		g[c.name] = node(c)
	}
	byName := map[string]parquet.Field{}
	for _, f := range g.Fields() {
		byName[f.Name()] = f
	}
	o := &ordered{Group: g}
	for _, c := range columns {
		o.fields = append(o.fields, byName[c.name])
	}
	return o
}

// parquet returns the schema, with the encodings that all readers know, and gives the leaves their numbers and levels.
func (t *tableSchema) parquet() parquet.Node {
	leaf := 0
	var number func(c *column, rep, def byte)
	number = func(c *column, rep, def byte) {
		if !c.required {
			def++
		}
		c.maxRep, c.defs = rep, def
		switch c.typ {
		case tGroup:
			for _, child := range c.children {
				number(child, rep, def)
			}
		case tList:
			number(c.elem, rep+1, def+1)
		default:
			c.leaf = leaf
			leaf++
		}
	}
	for _, c := range t.columns {
		number(c, 0, 0)
	}
	var node func(c *column) parquet.Node
	node = func(c *column) parquet.Node {
		var n parquet.Node
		switch c.typ {
		case tGroup:
			n = group(c.children, node)
		case tList:
			n = parquet.List(node(c.elem))
		case tString:
			n = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
		case tInt32:
			n = parquet.Encoded(parquet.Int(32), &parquet.Plain)
		case tInt64:
			n = parquet.Encoded(parquet.Int(64), &parquet.Plain)
		case tFloat:
			n = parquet.Leaf(parquet.FloatType)
		case tDouble:
			n = parquet.Leaf(parquet.DoubleType)
		case tBoolean:
			n = parquet.Leaf(parquet.BooleanType)
		case tTimestampMS:
			n = parquet.Encoded(parquet.Timestamp(parquet.Millisecond), &parquet.Plain)
		case tTimestampUS:
			n = parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.Plain)
		case tDate:
			n = parquet.Date()
		case tJSON:
			n = parquet.Encoded(parquet.JSON(), &parquet.RLEDictionary)
		default:
			n = parquet.Encoded(parquet.Leaf(parquet.ByteArrayType), &parquet.Plain)
		}
		if c.required {
			return n
		}
		return parquet.Optional(n)
	}
	return group(t.columns, node)
}

// shred appends a row's values, leaf by leaf, with their levels.
// https://parquet.apache.org/docs/file-format/nestedencoding/
func (t *tableSchema) shred(dst []parquet.Value, r *row, s *stagedRow) []parquet.Value {
	for _, c := range t.columns {
		if c.meta != noMeta {
			v, ok := c.metaValue(r, s)
			dst = appendLeaf(dst, c, v, ok, 0, 0)
			continue
		}
		dst = shred(dst, c, r, true, 0)
	}
	return dst
}

func (c *column) metaValue(r *row, s *stagedRow) (scalar, bool) {
	switch c.meta {
	case metaTopic:
		return scalar{b: []byte(s.topic)}, s.topic != ""
	case metaPartition:
		return scalar{n: int64(s.partition)}, s.topic != ""
	case metaOffset:
		return scalar{n: s.Offset}, true
	case metaTime:
		ms := s.Time / 1e6
		if s.Time < ms*1e6 {
			ms--
		}
		return scalar{n: ms}, true
	case metaKey:
		return scalar{b: s.Key}, s.Key != nil
	}
	b := r.extras()
	return scalar{b: b}, b != nil
}

// shred appends the values of a column; def is the level its parent is defined to, if it is there at all.
func shred(dst []parquet.Value, c *column, r *row, present bool, def byte) []parquet.Value {
	j := r.slots[c.id]
	present = present && j >= 0
	switch c.typ {
	case tGroup:
		if present {
			def = c.defs
		}
		for _, child := range c.children {
			dst = shred(dst, child, r, present, def)
		}
		return dst
	case tList:
		if !present {
			return append(dst, parquet.Value{}.Level(0, int(def), c.elem.leaf))
		}
		n := &r.doc.nodes[j]
		if int(j)+1 == int(n.next) {
			return append(dst, parquet.Value{}.Level(0, int(c.defs), c.elem.leaf))
		}
		rep := byte(0)
		for k := int(j) + 1; k < int(n.next); k = int(r.doc.nodes[k].next) {
			var v scalar
			ok := r.doc.nodes[k].kind != null
			if ok {
				v, _ = r.convert(c.elem.typ, k) // fits has seen that it can be
			}
			dst = appendLeaf(dst, c.elem, v, ok, rep, c.defs+1)
			rep = c.elem.maxRep
		}
		return dst
	}
	return appendLeaf(dst, c, r.vals[c.id], present, 0, def)
}

func appendLeaf(dst []parquet.Value, c *column, v scalar, present bool, rep, def byte) []parquet.Value {
	if !present {
		return append(dst, parquet.Value{}.Level(int(rep), int(def), c.leaf))
	}
	var pv parquet.Value
	switch c.typ {
	case tInt32, tDate:
		pv = parquet.Int32Value(int32(v.n))
	case tInt64, tTimestampMS, tTimestampUS:
		pv = parquet.Int64Value(v.n)
	case tFloat:
		pv = parquet.FloatValue(float32(v.f))
	case tDouble:
		pv = parquet.DoubleValue(v.f)
	case tBoolean:
		pv = parquet.BooleanValue(v.n != 0)
	default:
		pv = parquet.ByteArrayValue(v.b)
	}
	return append(dst, pv.Level(int(rep), int(c.defs), c.leaf))
}
