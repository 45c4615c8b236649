package buffer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
)

// logBatches makes batches of about a MiB of JSON lines of 200 bytes, as a tail does.
func logBatches(n int) (out []*record.Batch) {
	rng := rand.New(rand.NewPCG(1, 2))
	line := 0
	for range n {
		var bb record.Builder
		bb.Reset("app.web", "/var/log/app/web.log", record.TargetSize+4096)
		for bb.Size() < record.TargetSize {
			v := fmt.Appendf(
				nil,
				`{"ts":"2026-01-02T03:04:%02d.%03dZ","level":"info","msg":"request served","path":"/api/v1/items/%d","status":200,"ms":%d,"user":"u-%d","trace":"%016x%016x","n":%d}`,
				line/1000%60, line%1000, rng.IntN(100000), rng.IntN(500), rng.IntN(10000),
				rng.Uint64(), rng.Uint64(), line,
			)
			for len(v) < 199 {
				v = append(v, ' ')
			}
			bb.Append(1_760_000_000_000_000_000+int64(line)*1e6, nil, v, nil)
			line++
		}
		out = append(out, bb.Build())
	}
	return out
}

// copyOf returns the batch as if it had just been built: not packed.
func copyOf(b *record.Batch) *record.Batch { return record.Unpacked(b) }

// One appender that does not wait, as a tail that catches up, sync on; with so many outputs at the
// head.
func BenchmarkAppend(b *testing.B) {
	for _, codec := range []record.Codec{record.Snappy, record.LZ4, record.Zstd, record.None} {
		for _, outputs := range []int{0, 1, 3} {
			if codec != record.Snappy && outputs > 0 {
				continue
			}
			b.Run(
				fmt.Sprintf("%v/outputs=%d", codec, outputs),
				func(b *testing.B) { benchAppend(b, codec, outputs) },
			)
		}
	}
}

func benchAppend(b *testing.B, codec record.Codec, outputs int) {
	src := logBatches(32)
	opt := DefaultOptions()
	opt.Codec = codec
	buf, err := Open(b.TempDir(), opt)
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Close()
	var wg sync.WaitGroup
	for i := range outputs {
		c, err := buf.Cursor(fmt.Sprint("out", i))
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			for {
				batch, err := c.Next(context.Background())
				if err != nil {
					return
				}
				if c.Commit(context.Background(), batch.End, "") != nil {
					return
				}
			}
		})
	}
	cpu := costtest.CPU()
	b.ResetTimer()
	var pending sync.WaitGroup
	for i := range b.N {
		batch := copyOf(src[i%len(src)])
		pending.Add(1)
		if err := buf.Append(
			context.Background(), "in", batch, []record.Position{{Key: "f", Value: []byte("123")}},
			func(error) { pending.Done() },
		); err != nil {
			b.Fatal(err)
		}
	}
	pending.Wait()
	b.StopTimer()
	b.SetBytes(int64(src[0].Size()))
	b.ReportMetric(float64((costtest.CPU()-cpu).Microseconds())/float64(b.N), "cpu-µs/MiB")
	buf.Seal()
	wg.Wait()
}

// Draining a backlog from disk.
func BenchmarkDrain(b *testing.B) {
	src := logBatches(32)
	buf, err := Open(b.TempDir(), DefaultOptions())
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Close()
	c, err := buf.Cursor("out")
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		if err := buf.Append(
			context.Background(), "in", copyOf(src[i%len(src)]), nil, nil,
		); err != nil {
			b.Fatal(err)
		}
	}
	buf.Seal()
	runtime.GC()
	b.ResetTimer()
	cpu, peak := costtest.CPU(), int64(0)
	for i := 0; ; i++ {
		batch, err := c.Next(context.Background())
		if err != nil {
			break
		}
		if i%16 == 0 {
			peak = max(peak, costtest.Anonymous(os.Getpid()))
		}
		if _, err := batch.Records(); err != nil {
			b.Fatal(err)
		}
		if i%8 == 0 {
			if err := c.Commit(context.Background(), batch.End, ""); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	b.SetBytes(int64(src[0].Size()))
	b.ReportMetric(float64((costtest.CPU()-cpu).Microseconds())/float64(b.N), "cpu-µs/MiB")
	b.ReportMetric(float64(peak>>20), "anon-MiB")
}

// The time until a single record is durable, when the buffer is idle.
func BenchmarkLatency(b *testing.B) {
	buf, err := Open(b.TempDir(), DefaultOptions())
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Close()
	done := make(chan error, 1)
	for b.Loop() {
		if err := buf.Append(
			context.Background(), "in", batchOf(0, 1, 100), nil, func(err error) { done <- err },
		); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		<-time.After(7 * time.Millisecond) // beyond FlushInterval
		b.StartTimer()
	}
}
