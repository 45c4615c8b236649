package format

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

// benchRecords are JSON of 200 bytes.
func benchRecords(n int) []record.Record {
	recs := make([]record.Record, n)
	for i := range recs {
		text := fmt.Appendf(
			nil,
			`{"ts":"2026-01-02T03:%02d:%02d.%03dZ","level":"info","msg":"request served","path":"/api/v1/items/%d","status":%d,"ms":%d,"user":"u-%d","trace":"%016x%016x"`,
			i/60000%60, i/1000%60, i%1000, i*7%9973, 200+i%5, i%251, i%8812,
			uint64(i)*0x9e3779b97f4a7c15, uint64(i)*0xbf58476d1ce4e5b9,
		)
		for len(text) < 193 {
			text = fmt.Appendf(text, `,"p":"%0*d"`, max(1, 193-len(text)-7), i)
		}
		recs[i] = record.Record{
			Offset: int64(i),
			Time:   1767323045678000000 + int64(i)*1e6,
			Value:  append(text, '}'),
		}
	}
	return recs
}

func benchColumns() []Column {
	columns := []Column{
		{Name: "ts", Type: "timestamp_ms"}, {Name: "status", Type: "int32"},
		{Name: "ms", Type: "int32"},
	}
	for _, name := range []string{"user", "level", "path", "msg", "trace"} {
		columns = append(columns, Column{Name: name, Type: "string"})
	}
	return columns
}

func BenchmarkFormat(b *testing.B) {
	recs := benchRecords(50_000)
	for _, c := range []struct{ kind, comp string }{
		{"raw", "none"}, {"ndjson", "none"}, {"ndjson", "zstd"}, {"ndjson", "gzip"}, {"ndjson", "lz4"}, {"ndjson", "snappy"}, {"avro", "zstd"}, {"parquet", "zstd"}, {"parquet", "snappy"}, {"columns", "zstd"},
	} {
		b.Run(c.kind+"-"+c.comp, func(b *testing.B) {
			cfg := config(c.kind)
			if c.kind == "columns" {
				cfg = config("parquet")
				cfg.Columns = benchColumns()
			}
			f := newFormat(b, cfg, c.comp, "json")
			rows, member, file := make([]byte, 0, 600<<10), make([]byte, 0, 600<<10), make([]byte, 0, 16<<20)
			in := &partition.Input{Topic: "t"}
			n, size := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				file = file[:0]
				var err error
				for i := range recs {
					in.Record = &recs[i]
					if rows, err = f.AppendRow(rows, in); err != nil {
						b.Fatal(err)
					}
					if len(rows) >= 512<<10 || i == len(recs)-1 {
						if member, err = f.AppendMember(member[:0], rows); err != nil {
							b.Fatal(err)
						}
						file, rows = append(file, member...), rows[:0]
					}
				}
				size = len(file)
				if fin, ok := f.(Finisher); ok {
					var count counter
					if err := fin.Finish(&count, bytes.NewReader(file)); err != nil {
						b.Fatal(err)
					}
					size = int(count)
				}
				n += len(recs)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1000, "krec/s")
			b.ReportMetric(float64(size)/float64(len(recs)), "B/rec")
		})
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)

// Lines cost no allocation per record.
func TestLinesDoNotAllocate(t *testing.T) {
	recs := benchRecords(1000)
	for _, kind := range []string{"raw", "ndjson"} {
		f := newFormat(t, config(kind), "zstd", "json")
		rows := make([]byte, 0, 1<<20)
		in := &partition.Input{Topic: "t"}
		n := testing.AllocsPerRun(10, func() {
			rows = rows[:0]
			for i := range recs {
				in.Record = &recs[i]
				rows, _ = f.AppendRow(rows, in)
			}
		})
		if n > 20 {
			t.Errorf("%s: %.0f allocations for %d records", kind, n, len(recs))
		}
	}
}
