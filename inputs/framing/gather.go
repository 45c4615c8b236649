package framing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
)

// Gather turns records into batches by origin. The senders cannot send again, so what the sink
// refuses is offered again, with growing waits, until ctx ends. One goroutine uses it.
type Gather struct {
	ctx       context.Context
	sink      inputs.Sink
	tag       string
	onFailure func(err error)

	open   map[string]*record.Builder
	order  []string
	hint   int
	flying sync.WaitGroup
	lost   int // records that ctx left no time for

	mu     sync.Mutex
	failed []*record.Batch
}

// LostError tells of records that did not become durable in time after a stop, and that nobody has
// any more.
type LostError struct {
	Records int
	Cause   error // of the end of Gather's ctx
}

// Error implements error.
func (e *LostError) Error() string {
	return fmt.Sprintf("%d records are lost: %v", e.Records, e.Cause)
}

// Losses adds up what the connections of an input lose. Of a line for each, the log would hold back
// all but the first that is about a host. Safe for concurrent use.
type Losses struct {
	mu  sync.Mutex
	sum LostError
}

// Take takes a LostError, and returns any other error.
func (l *Losses) Take(err error) error {
	var lost *LostError
	if !errors.As(err, &lost) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Records += lost.Records
	l.sum.Cause = lost.Cause
	return nil
}

// Err returns what was taken as one LostError, or nil.
func (l *Losses) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sum.Records == 0 {
		return nil
	}
	sum := l.sum
	return &sum
}

// NewGather returns a Gather that appends to sink until ctx ends. onFailure is told of each
// failure.
func NewGather(
	ctx context.Context, sink inputs.Sink, tag string, onFailure func(err error),
) *Gather {
	return &Gather{
		ctx:       ctx,
		sink:      sink,
		tag:       tag,
		onFailure: onFailure,
		open:      map[string]*record.Builder{},
	}
}

// Add copies a record in. t is nanoseconds since the epoch.
func (g *Gather) Add(origin string, t int64, value []byte, headers []record.Header) error {
	b := g.open[origin]
	if b == nil {
		b = &record.Builder{}
		b.Reset(g.tag, origin, g.hint)
		g.open[origin] = b
		g.order = append(g.order, origin)
	}
	b.Append(t, nil, value, headers)
	if b.Size() < record.TargetSize {
		return nil
	}
	return g.Flush()
}

// Empty reports whether there is nothing to flush.
func (g *Gather) Empty() bool { return len(g.order) == 0 }

// Flush appends what was added; the error is ctx's.
func (g *Gather) Flush() error {
	if err := g.retryFailed(); err != nil {
		return err
	}
	for len(g.order) > 0 {
		origin := g.order[0]
		g.order = g.order[1:]
		b := g.open[origin]
		delete(g.open, origin)
		g.hint = min(b.Size(), record.TargetSize) + 1<<10
		if err := g.append(b.Build()); err != nil {
			return err
		}
	}
	g.order = nil
	return nil
}

// Close flushes and waits until everything is durable or ctx has ended. The error is a LostError.
func (g *Gather) Close() error {
	for {
		err := g.Flush()
		g.flying.Wait()
		g.mu.Lock()
		left := len(g.failed)
		g.mu.Unlock()
		if err == nil && left > 0 {
			err = fault.Sleep(g.ctx, time.Second)
		}
		switch {
		case err != nil:
			g.forget()
		case left > 0:
			continue
		}
		if g.lost > 0 {
			return &LostError{g.lost, context.Cause(g.ctx)}
		}
		return nil
	}
}

// forget gives up what is not durable.
func (g *Gather) forget() {
	for _, origin := range g.order {
		g.lost += g.open[origin].Len()
		delete(g.open, origin)
	}
	g.order = nil
	g.lose(g.takeFailed())
}

func (g *Gather) lose(batches []*record.Batch) {
	for _, b := range batches {
		g.lost += b.Len()
	}
}

func (g *Gather) takeFailed() []*record.Batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	failed := g.failed
	g.failed = nil
	return failed
}

func (g *Gather) append(b *record.Batch) error {
	wait := 10 * time.Millisecond
	for {
		g.flying.Add(1)
		err := g.sink.Append(g.ctx, b, nil, func(err error) {
			if err != nil {
				g.mu.Lock()
				g.failed = append(g.failed, b)
				g.mu.Unlock()
				g.onFailure(err)
			}
			g.flying.Done()
		})
		if err == nil {
			return nil
		}
		g.flying.Done()
		if g.ctx.Err() == nil {
			g.onFailure(err)
		}
		if err := fault.Sleep(g.ctx, wait); err != nil {
			g.lost += b.Len()
			return err
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// retryFailed offers what was taken but could not be made durable.
func (g *Gather) retryFailed() error {
	failed := g.takeFailed()
	for i, b := range failed {
		if err := g.append(b); err != nil {
			g.lose(failed[i+1:])
			return err
		}
	}
	return nil
}
