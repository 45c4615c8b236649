package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/drain"
)

// drainSources lets an output drain all logs of the pipeline's sources. It is their only output, as
// the loader makes sure.
func (p *pipeline) drainSources(ctx context.Context, u *outputUnit, sources []*inputPlan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, in := range sources {
		wg.Go(func() {
			if err := p.drainSource(ctx, u, in); err != nil {
				cancel(fmt.Errorf("%s: %w", in.id, err))
			}
		})
	}
	wg.Wait()
	if p.end.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (p *pipeline) drainSource(ctx context.Context, u *outputUnit, in *inputPlan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reg := newRegistry(in.id)
	source, err := in.source(reg)
	if err != nil {
		return err
	}
	count := newInputCounters(reg)
	p.a.registries.show(reg)
	defer p.a.registries.hide(reg)
	rate := new(state.Meter)
	u.show(in.id, runningSource{reg, source, rate})
	_, isDrainer := u.plan.output.Output.(*drain.Drainer)

	logs := newLogSet(p.end, cancel)
	defer logs.close()
	err = source.Run(ctx, func(ctx context.Context, log record.Log) error {
		defer logs.enter()()
		seen := func(b *record.Batch) {
			count.add(b)
			rate.Add(float64(b.Len()), time.Now())
			p.tap.Publish(b)
		}
		count, stopCounting := p.countLog(u, log)
		defer stopCounting()
		v := func() record.Log {
			v := u.plan.view(log, log.Name())
			v.counter = count()
			if isDrainer { // an archive commits a cut at once, which is no rate
				v.onCommit = func(n int64) { u.out.Add(float64(n), time.Now()) }
			}
			v.end, v.onRead, v.tap, v.pass = p.end, seen, &u.tap, p.a.processors.pass
			return v
		}
		return u.persist(ctx, p.a.opts.restart, log.Name(), func(ctx context.Context) error {
			if p.end.Err() != nil {
				return nil // a log that comes while the agent stops is left as it is
			}
			err := u.plan.output.Drain(ctx, v())
			if err != nil && p.end.Err() != nil && ctx.Err() == nil &&
				!errors.Is(err, record.ErrFenced) {
				u.log.Info(
					"stopped in the middle of a log; its next owner goes on", "log", log.Name(),
					"reason", err,
				)
				return nil
			}
			return err
		})
	})
	if ctx.Err() != nil && (p.end.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	if err == nil && ctx.Err() == nil {
		return errors.New("the source ended by itself")
	}
	return err
}

// persist drains one log of a source until that ends, the log is lost, or ctx ends. A failure
// concerns this log alone.
func (u *outputUnit) persist(
	ctx context.Context, r restart, name string, drain func(context.Context) error,
) error {
	one := &supervised{id: u.id, log: u.log.With("log", name), restarts: u.restarts}
	defer u.broken.forget(name)
	var last error
	one.loop(ctx, r, func(ctx context.Context) error {
		u.broken.started(name, time.Now())
		last = drain(ctx)
		if errors.Is(last, record.ErrFenced) {
			return nil
		}
		if last != nil && ctx.Err() == nil {
			u.mu.Lock()
			u.err = name + ": " + last.Error()
			u.mu.Unlock()
			u.broken.failed(name, last.Error(), time.Now())
		}
		return last
	})
	return last
}

// logSet counts the logs being drained, and cancels the source once end is done and none is left.
type logSet struct {
	mu     sync.Mutex
	n      int
	ended  bool
	cancel context.CancelFunc
	stop   func() bool
}

func newLogSet(end context.Context, cancel context.CancelFunc) *logSet {
	s := &logSet{cancel: cancel}
	s.stop = context.AfterFunc(end, func() { s.change(0, true) })
	return s
}

func (s *logSet) change(by int, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += by
	s.ended = s.ended || ended
	if s.ended && s.n == 0 {
		s.cancel()
	}
}

func (s *logSet) enter() (leave func()) {
	s.change(1, false)
	return func() { s.change(-1, false) }
}

func (s *logSet) close() { s.stop() }
