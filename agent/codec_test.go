package agent

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/kafka"
)

// The buffer compresses as its Kafka outputs want it, unless they differ or it is told otherwise.
func TestBufferCompressesAsItsOutputs(t *testing.T) {
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	for _, c := range []struct {
		a, b, buffer string
		want         record.Codec
	}{
		{"", "", "", record.Snappy},
		{"", "", `compression = "lz4"`, record.LZ4},
		{"", "", `compression = "none"`, record.None},
		{`compression = "zstd"`, `compression = "zstd"`, "", record.Zstd},
		{`compression = "none"`, `compression = "none"`, `compression = "auto"`, record.None},
		{`compression = "zstd"`, `compression = "lz4"`, "", record.Snappy},
		{`compression = "gzip"`, `compression = "gzip"`, "", record.Snappy}, // too dear for a buffer
		{`compression = "zstd"`, `compression = "zstd"`, `compression = "lz4"`, record.LZ4},
	} {
		text := fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "fake" "x" { name = "x" }
output "kafka" "a" {
  brokers = ["127.0.0.1:1"]
  topic   = "t"
  %s
}
output "kafka" "b" {
  brokers = ["127.0.0.1:1"]
  topic   = "t"
  %s
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.fake.x, output.kafka.a, output.kafka.b]
  buffer { %s }
}`, c.a, c.b, c.buffer)
		a, err := New(loadTest(t, w, t.TempDir(), text), Options{Catalogue: w.catalogue(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Discard(); err != nil {
			t.Error(err)
		}
		if got := a.cur.plans[0].options(slog.New(slog.DiscardHandler), nil).Codec; got != c.want {
			t.Errorf("outputs %q and %q, buffer %q: %v, want %v", c.a, c.b, c.buffer, got, c.want)
		}
	}
}
