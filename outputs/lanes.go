package outputs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// lanes starts what carries entries to the writer: a goroutine per lane for a Writer, one that calls Start for an AsyncWriter.
// dispatch never blocks: no channel holds less than the window. join ends them and waits.
func (f *flight) lanes(ctx context.Context) (dispatch func(*entry), join func()) {
	size := f.send.cfg.Window.Batches
	var wg sync.WaitGroup
	if f.writer() != nil {
		f.starter = make(chan *entry, size)
		wg.Go(func() { f.start(ctx) })
		return func(e *entry) {
				e.state = flying
				f.unsettled++
				f.starter <- e
			}, func() {
				close(f.starter)
				wg.Wait()
			}
	}
	lanes := make([]chan *entry, f.send.cfg.Window.Lanes)
	for i := range lanes {
		lanes[i] = make(chan *entry, size)
		wg.Go(func() {
			var given error // once a batch is given up, what follows must not overtake it
			for e := range lanes[i] {
				rest := e.b
				if given == nil {
					rest, given = f.send.deliver(ctx, e.b, f.health)
				}
				f.results <- result{e: e, err: given, rest: rest}
			}
		})
	}
	return func(e *entry) {
			e.state = flying
			f.unsettled++
			lanes[f.send.hash(e.whole.Origin)%uint64(len(lanes))] <- e
		}, func() {
			for _, lane := range lanes {
				close(lane)
			}
			wg.Wait()
		}
}

// writer returns who delivers asynchronously; nil if nobody does.
func (f *flight) writer() AsyncWriter {
	if f.via != nil {
		return f.via
	}
	return f.send.async
}

// start hands entries to the async writer, in order, from the one goroutine that may.
func (f *flight) start(ctx context.Context) {
	round := withRound(ctx)
	for e := range f.starter {
		if e.begins {
			round = withRound(ctx)
		}
		if f.halted.Load() || ctx.Err() != nil {
			f.results <- result{e: e, err: errNotStarted}
			continue
		}
		f.writer().Start(round, e.b, func(err error) {
			if sendAgain(err) {
				f.halted.Store(true)
			}
			f.results <- result{e: e, err: err}
		})
	}
}

// sendAgain tells whether err leaves something to be sent again.
func sendAgain(err error) bool {
	var partial *PartialError
	switch {
	case err == nil, IsPermanent(err), errors.Is(err, record.ErrCorrupt):
		return false
	case errors.As(err, &partial):
		return slices.ContainsFunc(partial.Records, func(r RecordError) bool { return !IsPermanent(r.Err) })
	}
	return true
}

// settle takes one result into account.
func (f *flight) settle(ctx context.Context, r result) {
	f.unsettled--
	e := r.e
	switch {
	case f.writer() == nil:
		if r.err != nil { // only ever ctx's
			return
		}
		f.finish(e)
	case r.buried:
		if r.err == nil {
			f.conclude(e, r.v)
		}
	case r.err == errNotStarted:
		e.state = waiting
		f.broken = true
	case r.err != nil && ctx.Err() != nil:
	default:
		v := f.send.judge(e.b, r.err)
		if v.alive {
			f.health.alive()
			f.back.failures = 0
		}
		if len(v.letters) == 0 {
			f.conclude(e, v)
			return
		}
		f.unsettled++
		go func() {
			err := f.send.buryAll(ctx, v.letters, f.health)
			f.results <- result{e: e, err: err, buried: true, v: v}
		}()
	}
}

func (f *flight) conclude(e *entry, v verdict) {
	if v.rest == nil {
		f.send.m.latency.Observe(time.Since(e.begun).Seconds())
		f.finish(e)
		return
	}
	e.b, e.state = v.rest, failed
	f.broken = true
	f.halted.Store(true)
}

func (f *flight) finish(e *entry) {
	e.state = done
	if e.whole.Len() > 0 {
		f.health.alive()
	}
	f.health.add(-1)
}

// resume begins again with the first batch that failed. What was delivered is not sent again: a writer lets nothing overtake what it fails.
func (f *flight) resume(dispatch func(*entry)) {
	f.broken = false
	f.halted.Store(false)
	begins := true
	for _, e := range f.window {
		if e.state == done {
			continue
		}
		if e.state == failed {
			f.send.m.retries.Inc()
		}
		e.begins, begins = begins, false
		dispatch(e)
	}
}
