package outputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

func benchBatch(n int) *record.Batch {
	var b record.Builder
	b.Reset("app", "/var/log/app.log", 0)
	for i := range n {
		b.Append(1_767_323_045_000_000_000+int64(i), nil, fmt.Appendf(nil,
			`{"ts":"2026-01-02T03:04:05Z","level":"info","msg":"request served","path":"/api/v1/items/%d","status":200,"ms":%d,"user":"u%d","agent":"Mozilla/5.0 (X11; Linux x86_64)","id":"%016x"}`,
			i, i%97, i%1000, i*7919), nil)
	}
	return b.Build()
}

func BenchmarkObjectWrite(b *testing.B) {
	batch := benchBatch(5000)
	w := newObjectWriter()
	b.SetBytes(int64(batch.Size()))
	for b.Loop() {
		w.reset()
		if err := w.add(batch, nil); err != nil {
			b.Fatal(err)
		}
		if _, _, err := w.finish(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkObjectRead(b *testing.B) {
	batch := benchBatch(5000)
	w := newObjectWriter()
	if err := w.add(batch, nil); err != nil {
		b.Fatal(err)
	}
	data, _, err := w.finish()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(batch.Size()))
	for b.Loop() {
		lines, err := newLineReader(bytes.NewReader(data), nil)
		if err != nil {
			b.Fatal(err)
		}
		s := &lineSource{lines: lines}
		for {
			if _, err := s.next(); err != nil {
				break
			}
		}
		lines.close()
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "records/s")
}

// loopLog yields one batch n times.
type loopLog struct {
	b    *record.Batch
	n, i int
	pos  int64
}

func (l *loopLog) Name() string                                { return "loop" }
func (l *loopLog) SeekTo(int64) error                          { return nil }
func (l *loopLog) Committed() (int64, string)                  { return 0, "" }
func (l *loopLog) Commit(context.Context, int64, string) error { return nil }
func (l *loopLog) Next(context.Context) (*record.Batch, error) {
	if l.i == l.n {
		return nil, io.EOF
	}
	l.i++
	b := l.b.Retag("app")
	b.At(l.pos)
	l.pos = b.End
	return b, nil
}

type nothing struct{}

func (nothing) Write(context.Context, *record.Batch) error              { return nil }
func (nothing) Start(_ context.Context, _ *record.Batch, f func(error)) { f(nil) }
func (nothing) Bury(context.Context, []Letter) error                    { return errors.New("nothing is refused") }
func (nothing) Close() error                                            { return nil }

func BenchmarkDrainLoop(b *testing.B) {
	env := Env{Name: "output.x.y", Agent: "a", Log: slog.New(slog.DiscardHandler), Dir: b.TempDir()}
	for name, async := range map[string]bool{"writer": false, "async": true} {
		b.Run(name, func(b *testing.B) {
			env.Metrics = prometheus.NewRegistry()
			var d *Drainer
			var err error
			if async {
				d, err = NewAsyncOutput(nothing{}, DefaultCommon(), env, Targets{DeadLetter: nothing{}})
			} else {
				d, err = NewOutput(nothing{}, DefaultCommon(), env, Targets{DeadLetter: nothing{}})
			}
			if err != nil {
				b.Fatal(err)
			}
			batch := benchBatch(10)
			b.ReportAllocs()
			b.ResetTimer()
			if err := d.Drain(b.Context(), &loopLog{b: batch, n: b.N}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
