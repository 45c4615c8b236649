package format

import (
	"encoding/binary"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/penstock/penstock/spool/format/decode"
)

// parquetFormat is Apache Parquet, one file per object.
type parquetFormat struct {
	*staged
	codec compress.Codec
}

func newParquet(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	// Not lz4: the library writes it well, and does not read it back (it drops a page that its
	// codec had to make room for).
	codecs := map[string]compress.Codec{
		"none":   &parquet.Uncompressed,
		"gzip":   &parquet.Gzip,
		"zstd":   &zstd.Codec{Level: zstd.SpeedFastest},
		"snappy": &parquet.Snappy,
	}
	codec := codecs[comp.name]
	if codec == nil {
		return nil, errCompression("parquet", comp.name)
	}
	s, err := newStaged(c, dec, c.fingerprint("parquet 4", comp.name, dec.Fingerprint()))
	if err != nil {
		return nil, err
	}
	s.cells = s.fixed != nil
	return &parquetFormat{s, codec}, nil
}

func (f *parquetFormat) Ext() (string, string) { return ".parquet", "" }
func (f *parquetFormat) ContentType() string   { return "application/vnd.apache.parquet" }

const (
	batchRows   = 1024
	batchBytes  = 1 << 20
	batchValues = 64 << 10
	// maxDictionary bounds the dictionary of a column in a row group. Beyond, values are written as
	// they are.
	maxDictionary = 1 << 20
	maxPage       = 256 << 10
	// What the pages and dictionaries of all columns have together, if these are many.
	allDictionaries = 16 << 20
	allPages        = 4 << 20
)

// share is a column's part of what is there for all.
func share(all, most, least, columns int) int { return min(most, max(least, all/max(columns, 1))) }

// Finish implements Finisher.
func (f *parquetFormat) Finish(dst io.Writer, members io.Reader) error {
	rd := newStagedReader(members)
	t, sample, err := f.table(rd)
	if err != nil {
		return err
	}
	w := &parquetWriter{dst: dst, codec: f.codec, t: t, cells: f.cells, rd: rd, schema: t.parquet()}
	w.columns = make([][]parquet.Value, t.leaves)
	err = rd.each(sample, func(s *stagedRow) error {
		if err := w.add(s); err != nil {
			return err
		}
		if w.size < f.cfg.RowGroup && w.held() < f.cfg.RowGroup {
			return nil
		}
		w.size = 0
		if err := w.write(); err != nil {
			return err
		}
		err := w.out.Flush()
		w.flushed = w.out.Size()
		return err
	})
	if err == nil {
		err = w.write()
	}
	if err != nil {
		return err
	}
	return w.out.Close()
}

// parquetWriter writes rows by columns, some at a time.
type parquetWriter struct {
	dst    io.Writer
	codec  compress.Codec
	t      *tableSchema
	schema func(plain []bool) parquet.Node
	cells  bool
	rd     *stagedReader
	out    *parquet.GenericWriter[any] // made with the first rows, which decide the encodings

	r       row
	columns [][]parquet.Value // by leaf
	rows    int
	bytes   int   // of the rows
	size    int64 // of the row group
	flushed int64 // of the file, up to the row group
}

// held is how much of the row group the library holds in memory.
func (w *parquetWriter) held() int64 {
	if w.rows > 0 || w.out == nil { // it has got nothing since the last time
		return 0
	}
	return w.out.Size() - w.flushed
}

// values is how many values the rows have in all columns.
func (w *parquetWriter) values() int {
	n := w.rows * w.t.leaves
	for _, leaf := range w.t.lists {
		n += len(w.columns[leaf])
	}
	return n
}

func (w *parquetWriter) add(s *stagedRow) error {
	if w.cells {
		if err := w.t.cells(w.columns, s); err != nil {
			return err
		}
	} else {
		if err := w.r.setColumns(w.t, s.Value); err != nil {
			return err
		}
		w.t.shred(w.columns, &w.r, s)
	}
	w.size += int64(len(s.Value))
	w.bytes += len(s.Value)
	if w.rows++; w.rows < batchRows && w.bytes < batchBytes && w.values() < batchValues {
		return nil
	}
	return w.write()
}

// write hands the rows so far to the library.
func (w *parquetWriter) write() error {
	if w.out == nil {
		n := w.t.leaves
		cfg := &parquet.WriterConfig{
			CreatedBy:          "penstock",
			Compression:        w.codec,
			WriteBufferSize:    64 << 10,
			DataPageStatistics: true,
			MaxRowsPerRowGroup: 1 << 40,
			DataPageVersion:    1,
			PageBufferSize:     share(allPages, maxPage, 4<<10, n),
			DictionaryMaxBytes: int64(share(allDictionaries, maxDictionary, 4<<10, n)),
		}
		if size := share(allPages/2, 32<<10, 1<<10, n); size < 32<<10 {
			cfg.ColumnPageBuffers = parquet.NewChunkBufferPool(size)
		}
		// The bounds of a text stand whole in the head of each of its pages, and nobody reads them
		// there.
		cfg.SkipPageStatistics, cfg.SkipPageBounds = w.t.unbounded()
		w.out = parquet.NewGenericWriter[any](
			w.dst, parquet.NewSchema("record", w.schema(w.mostlyDistinct())), cfg,
		)
	}
	columns := w.out.ColumnWriters()
	for i, values := range w.columns {
		if len(values) > 0 {
			if _, err := columns[i].WriteRowValues(values); err != nil {
				return err
			}
		}
		clear(values)
		w.columns[i] = values[:0]
	}
	w.rows, w.bytes = 0, 0
	w.r.reset()
	w.rd.free()
	return nil
}

// mostlyDistinct tells of each leaf whether most of its first values are unlike each other, or one
// of them is large: a dictionary of them would be work for nothing.
func (w *parquetWriter) mostlyDistinct() []bool {
	plain := make([]bool, len(w.columns))
	for i, values := range w.columns {
		seen := map[string]struct{}{}
		n := 0
		for _, v := range values {
			if v.Kind() == parquet.ByteArray {
				b := v.ByteArray()
				seen[view(b)] = struct{}{}
				plain[i] = plain[i] || len(b) > largeRow
				n++
			}
		}
		plain[i] = plain[i] || n >= 64 && len(seen) > n/2
	}
	return plain
}

// shred appends a row's values to the columns of their leaves, with their levels.
// https://parquet.apache.org/docs/file-format/nestedencoding/
func (t *tableSchema) shred(dst [][]parquet.Value, r *row, s *stagedRow) {
	for _, c := range t.columns {
		if c.meta != noMeta {
			v, ok := c.metaValue(r, s)
			appendLeaf(dst, c, v, ok, 0, 0)
			continue
		}
		shred(dst, c, r, true, 0)
	}
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

// shred appends the values of a column; def is the level its parent is defined to, if it is there
// at all.
func shred(dst [][]parquet.Value, c *column, r *row, present bool, def byte) {
	present = present && r.has(c)
	switch c.typ {
	case tGroup:
		if present {
			def = c.defs
		}
		for _, child := range c.children {
			shred(dst, child, r, present, def)
		}
		return
	case tList:
		if !present {
			dst[c.elem.leaf] = append(
				dst[c.elem.leaf], parquet.Value{}.Level(0, int(def), c.elem.leaf),
			)
			return
		}
		rep := byte(0)
		for w := (walk{src: r.slots[c.id].val}); ; {
			e, more := w.next()
			if !more {
				break
			}
			var v scalar
			ok := e.kind != null
			if ok {
				v, _ = r.convert(c.elem, &e) // fits has seen that it can be
			}
			appendLeaf(dst, c.elem, v, ok, rep, c.defs+1)
			rep = c.elem.maxRep
		}
		if rep == 0 {
			dst[c.elem.leaf] = append(
				dst[c.elem.leaf], parquet.Value{}.Level(0, int(c.defs), c.elem.leaf),
			)
		}
		return
	}
	appendLeaf(dst, c, r.vals[c.id], present, 0, def)
}

// appendLeaf appends a value, or that there is none from level def on, to the column of its leaf.
// Each value goes from the library's call to its place: a copy in between costs as much.
func appendLeaf(dst [][]parquet.Value, c *column, v scalar, present bool, rep, def byte) {
	at, r, d := &dst[c.leaf], int(rep), int(c.defs)
	if !present {
		*at = append(*at, parquet.Value{}.Level(r, int(def), c.leaf))
		return
	}
	switch c.typ {
	case tInt32, tDate, tTimeMS:
		*at = append(*at, parquet.Int32Value(int32(v.n)).Level(r, d, c.leaf))
	case tInt64, tTimestampMS, tTimestampUS, tTimestampNS, tTimeUS:
		*at = append(*at, parquet.Int64Value(v.n).Level(r, d, c.leaf))
	case tFloat:
		*at = append(*at, parquet.FloatValue(float32(v.float())).Level(r, d, c.leaf))
	case tDouble:
		*at = append(*at, parquet.DoubleValue(v.float()).Level(r, d, c.leaf))
	case tBoolean:
		*at = append(*at, parquet.BooleanValue(v.n != 0).Level(r, d, c.leaf))
	case tUUID:
		*at = append(*at, parquet.FixedLenByteArrayValue(v.b).Level(r, d, c.leaf))
	case tDecimal:
		*at = append(*at, decimalValue(c, v.b).Level(r, d, c.leaf))
	default:
		*at = append(*at, parquet.ByteArrayValue(v.b).Level(r, d, c.leaf))
	}
}

func decimalValue(c *column, b []byte) parquet.Value {
	wide := signExtend(b, decimalBytes)
	n := int64(binary.BigEndian.Uint64(wide[decimalBytes-8:]))
	switch {
	case c.precision <= smallDecimal:
		return parquet.Int32Value(int32(n))
	case c.precision <= narrowDecimal:
		return parquet.Int64Value(n)
	}
	return parquet.FixedLenByteArrayValue(wide)
}
