package outputs

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// source is what a flight reads: a log, or an overflow object.
type source interface {
	Next(ctx context.Context) (*record.Batch, error)
}

// flight delivers the batches of one source through a sender with a window in flight, and reports how far everything has been
// delivered. Its state belongs to the goroutine that calls run.
type flight struct {
	send   *sender
	via    AsyncWriter // takes the batches in the sender's place, if not nil
	src    source
	from   int64           // records before it are skipped
	ahead  *ahead          // what the destination has already, and takes note of what it has when the flight is given up; may be nil
	health *health         // may be shared by flights to the same destination
	acked  func(int64)     // called as the position before which all is delivered grows
	quit   <-chan struct{} // closed: read nothing more, finish what is in flight, return errQuit

	window    []*entry
	bytes     int64
	results   chan result
	unsettled int // entries handed to a lane, the starter or a burial, whose result has not come yet
	delivered int64
	stray     chan struct{} // closed once nothing that this flight began is running any more

	// Only for async writers.
	starter chan *entry
	halted  atomic.Bool // the starter passes entries back unstarted
	broken  bool        // a batch failed; once all is settled, begin again with it
	back    backoff
	again   <-chan time.Time
}

type entryState uint8

const (
	waiting entryState = iota
	flying
	failed
	done
)

type entry struct {
	b     *record.Batch // what remains to be delivered
	whole *record.Batch
	state entryState
	begun time.Time

	begins bool // the first of a new round, see AsyncWriter.Start
}

type result struct {
	e    *entry
	err  error
	rest *record.Batch // of a Writer that failed with err: what was not delivered
	// buried tells that err is the outcome of a burial, and v the verdict that asked for it.
	buried bool
	v      verdict
}

type read struct {
	b   *record.Batch
	err error
}

var (
	errQuit       = errors.New("asked to stop")
	errNotStarted = errors.New("not started")
)

// grace is how long a cancelled flight waits for answers that would spare sending the same records twice.
const grace = 5 * time.Second

// brief is how long writes have to return that end with their context.
const brief = 100 * time.Millisecond

// run returns io.EOF once the source has ended and all of it was delivered, errQuit once what was in flight when quit was closed has
// been delivered, ctx's error, or the source's. It returns after the source is not used any more; writes may still be
// ending, see stray.
func (f *flight) run(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := f.send.cfg.Window
	f.results = make(chan result, limit.Batches+1)
	f.stray = make(chan struct{})
	f.back.Retry = f.send.cfg.Retry
	dispatch, join := f.lanes(ctx)

	rctx, stopReading := context.WithCancel(ctx)
	incoming, readerDone := make(chan read), make(chan struct{})
	go func() {
		defer close(readerDone)
		for {
			b, err := f.src.Next(rctx)
			select {
			case incoming <- read{b, err}:
			case <-rctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()

	var end error // why nothing more is read
	quit := f.quit
	for end == nil || len(f.window) > 0 {
		var in chan read
		if end == nil && len(f.window) < limit.Batches && f.bytes < limit.Bytes && !f.broken {
			in = incoming
		}
		select {
		case r := <-in:
			if r.err != nil {
				end = r.err
				continue
			}
			b := from(r.b, f.from)
			if b == nil {
				continue
			}
			e := &entry{b: f.ahead.without(b), whole: b, begun: time.Now()}
			f.push(e)
			if e.b != nil && b.Len() > 0 {
				dispatch(e)
			} else { // nothing but positions, as a filter leaves, or the destination has it
				e.state = done
				f.health.add(-1)
				f.pop()
			}
		case r := <-f.results:
			f.settle(ctx, r)
			f.pop()
			if f.broken && f.unsettled == 0 && f.again == nil {
				f.again = time.After(f.back.next())
			}
		case <-f.again:
			f.again = nil
			f.resume(dispatch)
		case <-quit:
			quit = nil
			stopReading()
			if end == nil {
				end = errQuit
			}
		case <-ctx.Done():
			end = outer.Err()
			stopReading()
			<-readerDone
			cancel()
			f.abandon(join)
			return end
		}
	}
	stopReading()
	<-readerDone
	join()
	close(f.stray)
	return end
}

func (f *flight) push(e *entry) {
	size := int64(e.whole.Size())
	f.window = append(f.window, e)
	f.bytes += size
	f.health.add(1)
	f.send.fly(1, size)
}

// pop removes delivered entries from the front of the window.
func (f *flight) pop() {
	n := 0
	var end, records, bytes int64
	for _, e := range f.window {
		if e.state != done {
			break
		}
		n++
		end = e.whole.End
		records += int64(e.whole.Len())
		bytes += int64(e.whole.Size())
	}
	if n == 0 {
		return
	}
	clear(f.window[:n])
	if f.window = f.window[n:]; len(f.window) == 0 {
		f.window = nil
	}
	f.bytes -= bytes
	f.send.fly(-n, -bytes)
	f.delivered += records
	f.send.m.records.Add(float64(records))
	f.send.m.bytes.Add(float64(bytes))
	f.progress(end)
}

func (f *flight) progress(pos int64) {
	if f.acked != nil {
		f.acked(pos)
	}
}

// abandon gives up what is in flight: late answers are waited for a while, in which they still count, and then elsewhere. What is delivered
// behind something that is not goes to ahead, however late that is known.
func (f *flight) abandon(join func()) {
	timeout := time.NewTimer(f.patience())
	defer timeout.Stop()
wait:
	for f.unsettled > 0 {
		select {
		case r := <-f.results:
			f.unsettled--
			if f.late(r); r.e.state == done {
				f.health.add(-1)
			}
			f.pop()
		case <-timeout.C:
			break wait
		}
	}
	for _, e := range f.window {
		if e.state == done {
			f.ahead.add(e.whole.First, e.whole.End)
		} else {
			f.health.add(-1)
			f.ahead.addBut(e.whole, e.b)
		}
		f.send.fly(-1, -int64(e.whole.Size()))
	}
	f.window = nil
	left := f.unsettled
	go func() {
		for range left {
			r := <-f.results
			f.late(r)
			if r.e.state == done {
				f.ahead.add(r.e.whole.First, r.e.whole.End)
			} else {
				f.ahead.addBut(r.e.whole, r.e.b)
			}
		}
		join()
		close(f.stray)
	}()
}

// patience is how long a cancelled flight waits for answers. A destination that was waited for as long as failover says is
// not waited for again: what it answers later counts all the same.
func (f *flight) patience() time.Duration {
	if o := f.send.cfg.Failover; o != nil && f.health.stalled() >= o.After {
		return brief
	}
	return grace
}

// late takes the result of a flight that is given up: only what is delivered matters.
func (f *flight) late(r result) {
	e := r.e
	switch {
	case r.err == nil && r.v.rest == nil:
		e.state = done
	case r.err == nil: // buried, and some of it is left
		e.b = r.v.rest
	case r.buried, r.err == errNotStarted:
	case f.writer() == nil:
		e.b = r.rest
	default:
		if rest := undelivered(e.b, r.err); rest != nil {
			e.b = rest
		} else {
			e.state = done
		}
	}
}

func (s *sender) fly(batches int, bytes int64) {
	s.m.flyingBatches.Set(float64(s.flying.Add(int64(batches))))
	s.m.flyingBytes.Set(float64(s.bytes.Add(bytes)))
}
