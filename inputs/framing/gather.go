package framing

import (
	"context"
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

	mu     sync.Mutex
	failed []*record.Batch
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

// Close flushes and waits until everything is durable or ctx has ended.
func (g *Gather) Close() error {
	for {
		if err := g.Flush(); err != nil {
			return err
		}
		g.flying.Wait()
		g.mu.Lock()
		left := len(g.failed)
		g.mu.Unlock()
		if left == 0 {
			return nil
		}
		if err := fault.Sleep(g.ctx, time.Second); err != nil {
			return err
		}
	}
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
		if g.ctx.Err() != nil {
			return g.ctx.Err()
		}
		g.onFailure(err)
		if err := fault.Sleep(g.ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// retryFailed offers what was taken but could not be made durable.
func (g *Gather) retryFailed() error {
	g.mu.Lock()
	failed := g.failed
	g.failed = nil
	g.mu.Unlock()
	for _, b := range failed {
		if err := g.append(b); err != nil {
			return err
		}
	}
	return nil
}
