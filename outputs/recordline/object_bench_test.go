package recordline

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

func benchBatch(n int) *record.Batch {
	var b record.Builder
	b.Reset("app", "/var/log/app.log", 0)
	for i := range n {
		b.Append(1_767_323_045_000_000_000+int64(i), nil, fmt.Appendf(
			nil,
			`{"ts":"2026-01-02T03:04:05Z","level":"info","msg":"request served","path":"/api/v1/items/%d","status":200,"ms":%d,"user":"u%d","agent":"Mozilla/5.0 (X11; Linux x86_64)","id":"%016x"}`,
			i, i%97, i%1000, i*7919,
		), nil)
	}
	return b.Build()
}

func BenchmarkObjectWrite(b *testing.B) {
	batch := benchBatch(5000)
	w := NewObjectWriter()
	b.SetBytes(int64(batch.Size()))
	for b.Loop() {
		w.Reset()
		if err := w.Add(batch, nil); err != nil {
			b.Fatal(err)
		}
		if _, _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkObjectRead(b *testing.B) {
	batch := benchBatch(5000)
	w := NewObjectWriter()
	if err := w.Add(batch, nil); err != nil {
		b.Fatal(err)
	}
	data, _, err := w.Finish()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(batch.Size()))
	for b.Loop() {
		lines, err := NewLineReader(bytes.NewReader(data), nil)
		if err != nil {
			b.Fatal(err)
		}
		s := &LineSource{Lines: lines}
		for {
			if _, err := s.ReadBatch(); err != nil {
				break
			}
		}
		lines.Close()
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "records/s")
}
