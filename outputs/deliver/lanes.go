package deliver

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// lanes starts what carries entries to the writer: a goroutine per lane for a Writer, one that
// calls Start for an AsyncWriter. dispatch never blocks: no channel holds less than the window.
// join ends them and waits.
func (f *Flight) lanes(ctx context.Context) (dispatch func(*entry), join func()) {
	size := f.Send.Config.Window.Batches
	var wg sync.WaitGroup
	if f.writer() != nil {
		f.starter = make(chan *entry, size)
		wg.Go(func() { f.start(ctx) })
		return func(e *entry) {
				e.state = flying
				f.outstanding++
				f.starter <- e
			}, func() {
				close(f.starter)
				wg.Wait()
			}
	}
	lanes := make([]chan *entry, f.Send.Config.Window.Lanes)
	for i := range lanes {
		lanes[i] = make(chan *entry, size)
		wg.Go(func() {
			var given error // once a batch is given up, what follows must not overtake it
			for e := range lanes[i] {
				rest, of := e.b, outcome{}
				if given == nil {
					rest, of, given = f.Send.deliver(ctx, e.b, f.Health)
				}
				f.results <- result{e: e, err: given, rest: rest, of: of}
			}
		})
	}
	return func(e *entry) {
			e.state = flying
			f.outstanding++
			lanes[f.Send.origins.hash(e.whole.Origin)%uint64(len(lanes))] <- e
		}, func() {
			for _, lane := range lanes {
				close(lane)
			}
			wg.Wait()
		}
}

// writer returns who delivers asynchronously; nil if nobody does.
func (f *Flight) writer() outputs.AsyncWriter {
	if f.via != nil {
		return f.via
	}
	return f.Send.Async
}

// start hands entries to the async writer, in order, from the one goroutine that may.
func (f *Flight) start(ctx context.Context) {
	round := outputs.WithRound(ctx)
	w := f.writer()
	flusher, flushes := w.(outputs.Flusher)
	for e := range f.starter {
		if e.startsRound {
			round = outputs.WithRound(ctx)
		}
		if f.restart.halted.Load() || ctx.Err() != nil {
			f.results <- result{e: e, err: errNotStarted}
			continue
		}
		w.Start(round, e.b, func(err error) {
			if sendAgain(err) {
				f.restart.halted.Store(true)
			}
			f.results <- result{e: e, err: err}
		})
		if e.ends && flushes {
			flusher.Flush()
		}
	}
}

// sendAgain reports whether err leaves something to be sent again.
func sendAgain(err error) bool {
	var partial *outputs.PartialError
	switch {
	case err == nil, outputs.IsPermanent(err), errors.Is(err, record.ErrCorrupt):
		return false
	case errors.As(err, &partial):
		return slices.ContainsFunc(
			partial.Records,
			func(r outputs.RecordError) bool { return !outputs.IsPermanent(r.Err) },
		)
	}
	return true
}

// handleResult takes one result into account.
func (f *Flight) handleResult(ctx context.Context, r result) {
	f.outstanding--
	e := r.e
	switch {
	case f.writer() == nil:
		if r.err != nil { // only ever ctx's
			f.lateHere(r)
			return
		}
		e.add(r.of)
		f.finish(e)
	case r.isDeadLettered:
		if r.err == nil {
			f.conclude(e, r.v)
		}
	case r.err == errNotStarted:
		e.state = waiting
		f.restart.broken = true
	case r.err != nil && ctx.Err() != nil:
	default:
		v := f.Send.classify(e.b, r.err)
		f.Send.tell(&e.isRetried, v, r.err)
		if v.hasAnswered {
			f.Health.noteAnswer()
			f.restart.back.Failures = 0
		}
		if len(v.dead) == 0 {
			f.conclude(e, v)
			return
		}
		f.outstanding++
		go func() {
			err := f.Send.writeDeadLetters(ctx, v.dead, f.Health)
			f.results <- result{e: e, err: err, isDeadLettered: true, v: v, sent: r.err}
		}()
	}
}

func (f *Flight) conclude(e *entry, v verdict) {
	e.add(v.outcome())
	if v.rest == nil {
		e.answered = answerNow(e.whole, v)
		if f.onDelivered == nil {
			f.Send.m.concluded(e.answered, e.begun, 0)
		}
		f.finish(e)
		return
	}
	e.b, e.state = v.rest, failed
	f.restart.broken = true
	f.restart.halted.Store(true)
}

func (f *Flight) finish(e *entry) {
	e.state = done
	if e.whole.Len() > 0 {
		f.Health.noteAnswer()
	}
	f.Health.Add(-1)
}

// resume begins again with the first batch that failed. What was delivered is not sent again: a
// writer lets nothing overtake what it fails.
func (f *Flight) resume(dispatch func(*entry)) {
	f.restart.broken = false
	f.restart.halted.Store(false)
	begins := true
	for _, e := range f.window.entries {
		if e.state == done {
			continue
		}
		if e.state == failed {
			f.Send.m.retries.Inc()
		}
		e.startsRound, begins = begins, false
		dispatch(e)
	}
}
