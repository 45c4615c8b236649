package drain_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
)

// lingerer answers when it is flushed, and says how many batches it had by then.
type lingerer struct {
	waiting []func(error)
	at      chan int
}

func (l *lingerer) Start(_ context.Context, _ *record.Batch, done func(error)) {
	l.waiting = append(l.waiting, done)
}

func (l *lingerer) Flush() {
	for _, done := range l.waiting {
		done(nil)
	}
	l.at <- len(l.waiting)
	l.waiting = nil
}

func (l *lingerer) Close() error { return nil }

// refusing takes no dead letter.
type refusing struct{}

func (refusing) Keep(context.Context, []outputs.DeadRecord) error { return errors.New("refused") }
func (refusing) Close() error                                     { return nil }

// A writer that waits for company is told when the log has no more, and not before.
func TestWriterIsToldWhereTheLogEnds(t *testing.T) {
	t.Parallel()
	l := &lingerer{at: make(chan int, 100)}
	d, err := drain.NewAsyncOutput(l, outputs.DefaultCommon(), outputs.Env{
		Name:    "output.x.y",
		Agent:   "a",
		Log:     slog.New(slog.DiscardHandler),
		Dir:     t.TempDir(),
		Metrics: prometheus.NewRegistry(),
	}, drain.Targets{DeadLetter: refusing{}})
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog("log")
	const batches = 10
	for range batches {
		log.Append(record.FromRecords("app", "o", []record.Record{{Value: []byte("x")}}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Drain(ctx, log.Owner()) }()
	for _, want := range []int{batches, 1} {
		select {
		case n := <-l.at:
			if n != want {
				t.Errorf("told after %d batches of %d", n, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("not told")
		}
		log.Append(record.FromRecords("app", "o", []record.Record{{Value: []byte("x")}}))
	}
	cancel()
	<-ended
}
