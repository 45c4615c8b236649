package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/tail"
	"github.com/prometheus/client_golang/prometheus"
)

// nullSink counts records and throws them away; it closes full at the last one.
type nullSink struct {
	n, want atomic.Int64
	full    chan struct{}
}

func (s *nullSink) Append(
	_ context.Context, b *record.Batch, _ []inputs.Position, done func(error),
) error {
	if b != nil && s.n.Add(int64(b.Len())) >= s.want.Load() {
		select {
		case <-s.full:
		default:
			close(s.full)
		}
	}
	if done != nil {
		done(nil)
	}
	if b != nil {
		b.Release()
	}
	return nil
}

func (s *nullSink) Positions() map[string][]byte { return nil }

// bufferSink appends to a disk buffer; it closes full when the last record is durable.
type bufferSink struct {
	nullSink
	b *buffer.Buffer
}

func (s *bufferSink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	return s.b.Append(ctx, "bench", b, positions, func(err error) {
		if b != nil && err == nil && s.n.Add(int64(b.Len())) == s.want.Load() {
			close(s.full)
		}
		if done != nil {
			done(err)
		}
	})
}

func (s *bufferSink) Pack(b *record.Batch) error { return s.b.Pack(b) }

func (s *bufferSink) Positions() map[string][]byte { return s.b.Positions("bench") }

// runTail tails path into the sink until it has all lines.
func runTail(ctx context.Context, path string, sink inputs.Sink, full <-chan struct{}) error {
	cfg := tail.Default()
	cfg.Paths = []string{path}
	t, err := tail.New(cfg, inputs.Env{
		Name:       "input.tail.bench",
		Agent:      "bench",
		Log:        slog.New(slog.DiscardHandler),
		Metrics:    prometheus.NewRegistry(),
		DeadLetter: func(context.Context, *record.Batch, string) error { return nil },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errc := make(chan error, 1)
	go func() { errc <- t.Run(ctx, sink) }()
	select {
	case <-full:
		cancel()
		return <-errc
	case err := <-errc:
		return fmt.Errorf("the tail ended early: %w", err)
	}
}

// tailNull is the workload "tail-null": every line becomes a record, nothing is kept.
func tailNull(path string, lines int64) error {
	s := &nullSink{full: make(chan struct{})}
	s.want.Store(lines)
	return runTail(context.Background(), path, s, s.full)
}

// tailBuffer is the workload "tail-buffer": every line is on disk, synced.
func tailBuffer(path string, lines int64, dir string) error {
	b, err := buffer.Open(dir, buffer.DefaultOptions())
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer b.Close()
	if _, err := b.Cursor("held"); err != nil { // so that nothing is thrown away
		return err
	}
	s := &bufferSink{b: b, nullSink: nullSink{full: make(chan struct{})}}
	s.want.Store(lines)
	return runTail(context.Background(), path, s, s.full)
}
