package agent

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/kafka"
)

// The buffer compresses as its first Kafka output can have it, unless it is told otherwise.
func TestBufferCompressesAsItsOutputs(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	for _, c := range []struct {
		a, b, buffer, filter string
		want                 record.Codec
	}{
		{"", "", "", "", record.Snappy},
		{"", "", `compression = "lz4"`, "", record.LZ4},
		{"", "", `compression = "none"`, "", record.None},
		{`compression = "zstd"`, `compression = "zstd"`, "", "", record.Zstd},
		{`compression = "zstd"`, `compression = "lz4"`, `compression = "auto"`, "", record.Zstd},
		// gzip is too dear for a buffer
		{`compression = "gzip"`, `compression = "lz4"`, "", "", record.LZ4},
		// and the disk too small
		{`compression = "none"`, `compression = "none"`, "", "", record.Snappy},
		{`compression = "zstd"`, `compression = "zstd"`, `compression = "lz4"`, "", record.LZ4},
		// Where single records are looked at, nothing is passed on as it lies.
		{"compression = \"zstd\"\n key = \"x\"", `compression = "lz4"`, "", "", record.LZ4},
		{"compression = \"zstd\"\n partitioner = \"hash\"", "compression = \"lz4\"\n headers = { a = \"b\" }", "", "", record.Snappy},
		{`compression = "zstd"`, "", "", "filter = [filter.grep.noise]", record.Snappy},
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
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from = [input.fake.in]
  %s
  to   = [output.fake.x, output.kafka.a, output.kafka.b]
  buffer { %s }
}`, c.a, c.b, c.filter, c.buffer)
		a, err := New(
			loadTest(t, w, t.TempDir(), text),
			Options{Catalogue: w.catalogue(), Log: slog.New(slog.DiscardHandler)},
		)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Discard(); err != nil {
			t.Error(err)
		}
		if got := a.cur.plans[0].options(slog.New(slog.DiscardHandler), nil).Codec; got != c.want {
			t.Errorf(
				"outputs %q and %q, buffer %q, %q: %v, want %v", c.a, c.b, c.buffer, c.filter, got,
				c.want,
			)
		}
	}
}

// After a reload the buffer compresses as the changed output wants it, and goes on.
func TestReloadChangesTheCodec(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	text := func(codec string) string {
		return fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "kafka" "a" {
  brokers     = [%q]
  topic       = "t"
  max_record_age = "876000h" # the fake input's times are those of 1970
  compression = %q
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.kafka.a]
}`, cluster.ListenAddrs()[0], codec)
	}
	r := startAgent(t, w, t.TempDir(), text("lz4"))
	// beyond what is put together record by record
	values := slices.Repeat([]string{strings.Repeat("a line of some length ", 20)}, 100)
	for i, codec := range []string{"lz4", "zstd"} {
		if i > 0 {
			if err := r.reload(text(codec)); err != nil {
				t.Fatal(err)
			}
		}
		w.send(t, "in", "app", values...)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for end := int64(0); end < int64((i+1)*len(values)); {
			ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "t")
			if err != nil {
				t.Fatal(err)
			}
			o, _ := ends.Lookup("t", 0)
			end = o.Offset
		}
		metrics := get(t, r, "/metrics")
		if !regexp.MustCompile(`penstock_kafka_path_batches_total{.*path="direct".*} 1\n`).
			MatchString(metrics) ||
			strings.Contains(metrics, `reason="compression"`) {
			t.Errorf("%s: the batch was not passed on as it lies\n%s", codec, metrics)
		}
	}
	if n := w.count("end in"); n != 0 {
		t.Error("the input was stopped")
	}
}
