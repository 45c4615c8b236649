package tail

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	hpcloud "github.com/hpcloud/tail"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// countingSink counts records and throws them away.
type countingSink struct {
	want  int64
	count atomic.Int64
	bytes atomic.Int64
	reach chan struct{}
}

func (s *countingSink) Append(
	_ context.Context, b *record.Batch, _ []inputs.Position, done func(error),
) error {
	if done != nil {
		done(nil)
	}
	if b == nil {
		return nil
	}
	s.bytes.Add(int64(b.Size()))
	n := int64(b.Len())
	b.Release()
	if s.count.Add(n) == s.want {
		close(s.reach)
	}
	return nil
}

func (s *countingSink) Positions() map[string][]byte { return nil }

type packingSink struct{ *countingSink }

func (s packingSink) Pack(b *record.Batch) error {
	_, err := b.Packed(record.Snappy)
	return err
}

const benchLines = 1_000_000

func benchFile(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "bench.log")
	line := []byte(
		`{"ts":"2026-01-02T03:04:05.678Z","level":"info","svc":"checkout","msg":"order accepted","order":"9c8e5c1a-2f9b","user":12345678,"ip":"10.20.30.40","lat_ms":12.5,"path":"/api/v1/orders","status":200,"x":"abcd"}`,
	)
	line = append(line[:199], '\n')
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	block := bytes.Repeat(line, 10_000)
	for range benchLines / 10_000 {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	_ = f.Close()
	return path
}

func benchTail(b *testing.B, pack bool) {
	path := benchFile(b)
	b.SetBytes(benchLines * 200)
	b.ReportAllocs()
	b.ResetTimer()
	begin := costtest.CPU()
	for range b.N {
		sink := &countingSink{want: benchLines, reach: make(chan struct{})}
		cfg := Default()
		cfg.Paths = []string{path}
		tl, err := New(cfg, inputstest.Env("input.tail.bench", b.TempDir()))
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		errc := make(chan error, 1)
		go func() {
			if pack {
				errc <- tl.Run(ctx, packingSink{sink})
			} else {
				errc <- tl.Run(ctx, sink)
			}
		}()
		<-sink.reach
		cancel()
		if err := <-errc; err != nil {
			b.Fatal(err)
		}
	}
	report(b, begin)
}

// report adds lines per second, and CPU seconds per million lines, which other load on the machine
// disturbs less.
func report(b *testing.B, begin time.Duration) {
	lines := float64(benchLines) * float64(b.N)
	b.ReportMetric(lines/b.Elapsed().Seconds()/1e6, "Mlines/s")
	b.ReportMetric((costtest.CPU()-begin).Seconds()/lines*1e6, "cpu-s/Mlines")
}

// BenchmarkTailToNothing reads 1,000,000 lines of 200 bytes and throws them away, batches built.
func BenchmarkTailToNothing(b *testing.B) { benchTail(b, false) }

// BenchmarkTailPacked also compresses.
func BenchmarkTailPacked(b *testing.B) { benchTail(b, true) }

// BenchmarkHpcloudToNothing is the same work done by the reference.
func BenchmarkHpcloudToNothing(b *testing.B) {
	path := benchFile(b)
	b.SetBytes(benchLines * 200)
	b.ResetTimer()
	begin := costtest.CPU()
	for range b.N {
		tl, err := hpcloud.TailFile(
			path, hpcloud.Config{Logger: hpcloud.DiscardingLogger, Follow: true, ReOpen: true},
		)
		if err != nil {
			b.Fatal(err)
		}
		for range benchLines {
			<-tl.Lines
		}
		_ = tl.Stop()
	}
	report(b, begin)
	runtime.KeepAlive(path)
}

// BenchmarkLines cuts blocks of lines of 40 bytes, and makes batches of them.
func BenchmarkLines(b *testing.B) {
	data := bytes.Repeat([]byte("a line of forty bytes, of which the last\n"), blockSize/41)
	cfg := Default()
	cfg.Paths = []string{"/a"}
	tl, err := New(cfg, inputstest.Env("input.tail.bench", ""))
	if err != nil {
		b.Fatal(err)
	}
	w := newWorker(&run{tail: tl, queue: newQueue()})
	f := &file{firstPath: "/a"}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r := readState{charset: cfg.charset(nil)}
		blk := block{raw: data}
		w.framer.frame(&blk, &r, true, false, false)
		for _, e := range w.enc.encode(f, "/a", r.charset, &blk) {
			if e.batch != nil {
				e.batch.Release()
			}
		}
	}
}
