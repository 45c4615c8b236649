package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// letters is a dead letter.
type letters struct {
	mu   sync.Mutex
	told []string
	recs []record.Record
	fail int // so many times
}

func (l *letters) keep(_ context.Context, b *record.Batch, reason string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail > 0 {
		l.fail--
		return context.DeadlineExceeded
	}
	recs, err := b.Records()
	if err != nil {
		return err
	}
	for r := range recs {
		l.recs = append(l.recs, *r)
		l.told = append(l.told, fmt.Sprintf("%s %s %d: %s", b.Topic, b.Origin, r.Offset, reason))
	}
	return nil
}

// produceBatch produces records as one batch.
func produceBatch(
	t testing.TB, c *kfake.Cluster, codec kgo.CompressionCodec, records int, value string,
) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(
			codec,
		),
		kgo.ProducerBatchMaxBytes(256<<20),
		kgo.BrokerMaxWriteBytes(512<<20),
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(1<<20),
	) // all in one batch
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	// There is no such partition, which tells that the topic is known: a batch that is filled once
	// it is may be sent while that goes on.
	if err := cl.ProduceSync(
		t.Context(), &kgo.Record{Topic: "logs", Partition: 99},
	).FirstErr(); err == nil {
		t.Fatal("produced to partition 99")
	}
	recs := make([]*kgo.Record, records)
	for i := range recs {
		recs[i] = &kgo.Record{
			Topic:     "logs",
			Value:     []byte(value),
			Timestamp: time.UnixMilli(1767323045678),
		}
	}
	for _, r := range recs {
		cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// collect reads a log to an end, and returns the values and the runs of positions without records.
func collect(t testing.TB, l record.Log, end int64) (got []string, gaps [][2]int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for at := int64(-1); at < end; {
		b, err := l.Next(ctx)
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		if at >= 0 && b.First != at {
			t.Fatalf("a batch begins at %d, want %d", b.First, at)
		}
		if at = b.End; b.Len() == 0 {
			gaps = append(gaps, [2]int64{b.First, b.End})
			continue
		}
		recs, err := b.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range recs {
			got = append(got, string(r.Value))
		}
	}
	return got, gaps
}

// A batch that inflates beyond all measure goes to the dead letter as it is, and what is around it
// is read.
func TestBatchThatInflatesGoesToTheDeadLetter(t *testing.T) { // large: by itself
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(1, "logs"))
			produce(t, c, "logs", 0, numbers(0, 5)...)
			produceBatch(t, c, codec, 3, strings.Repeat("0", 3<<20)) // [5, 8)
			produce(t, c, "logs", 0, numbers(8, 12)...)
			produceBatch(t, c, codec, 60_000, "") // [12, 60012): as records they take megabytes
			produce(t, c, "logs", 0, "last")
			cfg := testConfig(c)
			cfg.MaxInflatedBatch = 2 << 20
			dead := &letters{fail: 1}
			m := joinWith(t, cfg, dead.keep)
			defer m.leave()
			l := m.log("logs/0")
			if _, err := l.Next(t.Context()); err != nil { // the first five
				t.Fatal(err)
			}
			if b, err := l.Next(t.Context()); err == nil {
				t.Fatalf("[%d, %d) was passed on without its dead letter", b.First, b.End)
			}
			if err := l.SeekTo(0); err != nil {
				t.Fatal(err)
			}
			want, gaps := append(append(numbers(0, 5), numbers(8, 12)...), "last"), [][2]int64{
				{5, 8},
				{12, 60012},
			}
			for try := range 2 { // the second as one who makes a cut again
				if err := l.SeekTo(0); err != nil {
					t.Fatal(err)
				}
				got, missing := collect(t, l, 60013)
				if !slices.Equal(got, want) || !slices.Equal(missing, gaps) {
					t.Fatalf("%q and gaps %v, want %q and %v", got, missing, want, gaps)
				}
				if len(dead.told) != 2*(try+1) || dead.recs[0].Offset != 5 ||
					dead.recs[1].Offset != 12 {
					t.Fatalf("dead letters: %q", dead.told)
				}
				if !strings.Contains(
					dead.told[0],
					"logs logs/0 5: the batch with offsets 5 to 7 of logs/0 takes more than max_inflated_batch",
				) {
					t.Error(dead.told[0])
				}
			}
			raw := dead.recs[0].Value
			if len(raw) < batchHead || int64(binary.BigEndian.Uint64(raw)) != 5 ||
				binary.BigEndian.Uint32(raw[57:]) != 3 {
				t.Errorf("the letter holds no batch of 3 records: %d bytes", len(raw))
			}
			if n := testutil.ToFloat64(m.in.metrics.large); n != 4 {
				t.Errorf("%v batches counted, want 4", n)
			}
			if err := l.Commit(t.Context(), 60013, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// Many batches that are small on the wire, and within the limit, are not in memory at the same
// time.
func TestInflatedBatchesShareTheMemory(t *testing.T) {
	const batches, each = 60, 4 << 20
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(1, "logs"))
			value := strings.Repeat("0", each)
			for range batches {
				produceBatch(t, c, codec, 1, value)
			}
			produce(t, c, "logs", 0, "last")
			cfg := testConfig(c)
			cfg.BufferBytes, cfg.MaxInflatedBatch, cfg.FetchBytes = 8<<20, 8<<20, 32<<20
			runtime.GC()
			peak := costtest.Peak(func() {
				m := join(t, cfg)
				defer m.leave()
				l := m.log("logs/0")
				n := 0
				for at := int64(0); at <= batches; {
					b, err := l.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if b.First != at {
						t.Fatalf("a batch begins at %d, want %d", b.First, at)
					}
					at = b.End
					recs, err := b.Records()
					if err != nil {
						t.Fatal(err)
					}
					for r := range recs {
						if len(r.Value) == each && bytes.Count(r.Value, []byte("0")) == each {
							n++
						}
					}
				}
				if n != batches {
					t.Errorf("%d batches came whole, want %d", n, batches)
				}
			})
			// What is inflated, what is read ahead, and what grows to be so.
			t.Logf("%.1f MiB for %d MiB inflated", float64(peak)/(1<<20), batches*each>>20)
			if peak > 144<<20 { // a busy machine collects late
				t.Errorf("%d bytes of memory for batches of %d", peak, each)
			}
		})
	}
}

// What the client dropped without giving it back is found, or nothing would be inflated any more.
func TestDroppedBatchesAreFound(t *testing.T) {
	t.Parallel()
	f := newInflater(1<<20, 1<<20, &fetchPools{})
	src := compressed(t, 900<<10)
	for range 2 { // the second is beyond the share
		if _, err := f.Decompress(src, kgo.CodecLz4); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		third, err := f.Decompress(src, kgo.CodecLz4)
		if err == nil {
			f.PutDecompressBytes(third)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, with %d held", err, f.held)
		}
		f.mu.Lock()
		f.freed = time.Time{} // long ago
		f.mu.Unlock()
		runtime.Gosched()
	}
}

// Records with gaps between them are copied as they are: no value is not an empty one.
func TestSparseRecordsKeepEmptyValues(t *testing.T) {
	t.Parallel()
	l := &Lease{part: partition{"logs", 0}, name: "logs/0"}
	batches := l.batches([]*kgo.Record{
		{
			Offset: 3,
			Key:    []byte("k"),
		},
		{
			Offset:  5,
			Value:   []byte{},
			Headers: []kgo.RecordHeader{{Key: "a"}, {Key: "b", Value: []byte{}}},
		},
	})
	recs, err := batches[0].Records()
	if err != nil || batches[0].First != 3 || batches[0].End != 6 {
		t.Fatal(batches[0], err)
	}
	for r := range recs {
		if (r.Value != nil) != (r.Offset == 5) || (r.Key != nil) != (r.Offset == 3) {
			t.Errorf("%+v", r)
		}
		if r.Offset == 5 && (r.Headers[0].Value != nil || r.Headers[1].Value == nil) {
			t.Errorf("%+v", r.Headers)
		}
	}
}

func compressed(t *testing.T, n int) []byte {
	t.Helper()
	comp, err := kgo.DefaultCompressor(kgo.Lz4Compression())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	packed, _ := comp.Compress(&out, bytes.Repeat([]byte{1}, n)) // not one whole record
	return slices.Clone(packed)
}
