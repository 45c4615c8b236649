package drain

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
)

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

func (nothing) Keep(context.Context, []outputs.DeadRecord) error {
	return errors.New("nothing is refused")
}
func (nothing) Close() error { return nil }

func BenchmarkDrainLoop(b *testing.B) {
	env := outputs.Env{
		Name:  "output.x.y",
		Agent: "a",
		Log:   slog.New(slog.DiscardHandler),
		Dir:   b.TempDir(),
	}
	for name, async := range map[string]bool{"writer": false, "async": true} {
		b.Run(name, func(b *testing.B) {
			env.Metrics = prometheus.NewRegistry()
			var d *Drainer
			var err error
			if async {
				d, err = NewAsyncOutput(
					nothing{}, outputs.DefaultCommon(), env, Targets{DeadLetter: nothing{}},
				)
			} else {
				d, err = NewOutput(
					nothing{}, outputs.DefaultCommon(), env, Targets{DeadLetter: nothing{}},
				)
			}
			if err != nil {
				b.Fatal(err)
			}
			recs := make([]record.Record, 10)
			for i := range recs {
				recs[i] = record.Record{
					Offset: int64(i),
					Time:   1_767_323_045_000_000_000,
					Value:  make([]byte, 200),
				}
			}
			batch := record.FromRecords("app", "/var/log/app.log", recs)
			b.ReportAllocs()
			b.ResetTimer()
			if err := d.Drain(b.Context(), &loopLog{b: batch, n: b.N}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
