package buffer

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// What counting costs on the way from an input to an output that acknowledges all: many files with
// few lines each, which is the worst that there is, and one with many.
func BenchmarkBooks(b *testing.B) {
	for _, load := range []struct{ files, lines int }{{20, 10}, {20, 100}, {1, 4000}} {
		for _, off := range []bool{true, false} {
			name := fmt.Sprintf("files=%d/lines=%d/counted=%v", load.files, load.lines, !off)
			b.Run(name, func(b *testing.B) { benchBooks(b, load.files, load.lines, off) })
		}
	}
}

func benchBooks(b *testing.B, files, lines int, off bool) {
	reg := prometheus.NewRegistry()
	opt := DefaultOptions()
	opt.noBooks, opt.Sync, opt.Metrics = off, false, reg
	buf, err := Open(b.TempDir(), opt)
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Close()
	c, err := buf.Cursor("output.kafka.events")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			batch, err := c.Next(context.Background())
			if err != nil {
				return
			}
			noteDelivered(c, batch)
			if !c.Advance(batch.End) && c.Commit(context.Background(), batch.End, "") != nil {
				return
			}
		}
	})
	src := make([]*record.Batch, files)
	for i := range src {
		var bb record.Builder
		bb.Reset("app", fmt.Sprintf("/var/log/app/service-%d.log", i), lines*120)
		for n := range lines {
			bb.Append(1_700_000_000_000_000_000, nil, fmt.Appendf(
				nil, "2026-11-28T10:00:00Z INFO request id=%d took %d ms status=200 path=/api/v1/items/%d",
				n*7919, n*31%997, n*613,
			), nil)
		}
		src[i] = bb.Build()
	}
	b.ReportAllocs()
	b.ResetTimer()
	var pending sync.WaitGroup
	for i := range b.N {
		pending.Add(1)
		// as the files of one round come
		if err := buf.Append(
			context.Background(), "in", copyOf(src[i%files]),
			[]record.Position{{Key: src[i%files].Origin, Value: fmt.Appendf(nil, "%d", i)}},
			func(error) { pending.Done() },
		); err != nil {
			b.Fatal(err)
		}
		if i%files == files-1 {
			pending.Wait()
		}
	}
	pending.Wait()
	b.StopTimer()
	b.ReportMetric(metricValue(b, reg, "penstock_buffer_stored_bytes_total")/float64(b.N), "stored-B/op")
	buf.Seal()
	wg.Wait()
}
