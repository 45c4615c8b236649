package deliver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
)

// source is what a flight reads: a log, or an overflow object.
type source interface {
	Next(ctx context.Context) (*record.Batch, error)
}

// Flight delivers the batches of one source through a sender with a window in flight, and reports
// how far everything has been delivered. Its state belongs to the goroutine that calls run.
type Flight struct {
	Send   *Sender
	via    outputs.AsyncWriter // takes the batches in the sender's place, if not nil
	Source source
	From   int64 // records before it are skipped
	// what the destination has already, and takes note of what it has when the flight is given up;
	// may be nil
	Ahead  *Ahead
	Health *Health     // may be shared by flights to the same destination
	OnAck  func(int64) // called as the position before which all is delivered grows
	// called with what has become of records, before OnAck is with a position behind them; may be
	// nil
	OnTally func(...tally.Entry)
	// counts what is delivered in the flight's place, in order, before OnAck is called with a
	// position behind it; may be nil
	onDelivered func(*entry)
	Quit        <-chan struct{} // closed: read nothing more, finish what flies, return ErrQuit

	window  window
	results chan result
	// entries handed to a lane, the starter or the dead letter, whose result has not come yet
	outstanding int
	Delivered   int64
	Ended       chan struct{} // closed once nothing that this flight began is running any more

	// Only for async writers.
	starter chan *entry
	restart restart
}

// restart is how a flight begins again with the first batch that failed: everything behind it comes
// back first, so that nothing overtakes.
type restart struct {
	halted atomic.Bool // the starter passes entries back unstarted
	// The rest belongs to the goroutine of Flight.Run.
	broken bool // a batch failed; once nothing is outstanding, begin again with it
	back   fault.Backoff
	again  <-chan time.Time // when to
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

	isRetried   bool // of an AsyncWriter: failed, and not taken since
	startsRound bool // the first of a new round, see AsyncWriter.Start
	ends        bool // when it was read there was nothing behind it

	outcome // of what was sent
	answered
}

// answered is when the destination had taken or refused all of an entry that was sent, and how old
// its newest event was then.
type answered struct {
	at     time.Time
	age    time.Duration
	hasAge bool // it is known, and something was taken
}

type result struct {
	e    *entry
	err  error
	rest *record.Batch // of a Writer that failed with err: what was not delivered
	of   outcome       // of a Writer
	// isDeadLettered tells that err is that of writing a dead letter, and v the verdict that asked
	// for it.
	isDeadLettered bool
	v              verdict
	sent           error // how the attempt ended of which v is the verdict
}

type read struct {
	b    *record.Batch
	err  error
	ends bool // there is nothing behind it for now
}

var (
	ErrQuit       = errors.New("asked to stop")
	errNotStarted = errors.New("not started")
)

// Run returns io.EOF once the source has ended and all of it was delivered, ErrQuit once what was
// in flight when quit was closed has been delivered, ctx's error, or the source's. It returns after
// the source is not used any more; writes may still be ending, see Ended.
func (f *Flight) Run(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := f.Send.Config.Window
	f.results = make(chan result, limit.Batches+1)
	f.Ended = make(chan struct{})
	f.restart.back = f.Send.Config.Retry.Backoff()
	dispatch, join := f.lanes(ctx)

	rctx, stopReading := context.WithCancel(ctx)
	incoming, readerDone := f.read(rctx)

	var end error // why nothing more is read
	quit := f.Quit
	for end == nil || f.window.len() > 0 {
		var in <-chan read
		if end == nil && f.window.len() < limit.Batches && f.window.bytes < limit.Bytes &&
			!f.restart.broken {
			in = incoming
		}
		select {
		case r := <-in:
			if r.err != nil {
				end = r.err
				continue
			}
			b := From(r.b, f.From)
			if b == nil {
				continue
			}
			e := &entry{b: f.Ahead.without(b), whole: b, begun: time.Now(), ends: r.ends}
			if e.taken = b.Len(); e.b != nil { // the destination has what is not sent
				e.taken -= e.b.Len()
			}
			f.push(e)
			if e.b != nil && b.Len() > 0 {
				dispatch(e)
			} else { // nothing but positions, as a filter leaves, or the destination has it
				e.state = done
				f.Health.Add(-1)
				f.pop()
			}
		case r := <-f.results:
			f.handleResult(ctx, r)
			f.pop()
			if r := &f.restart; r.broken && f.outstanding == 0 && r.again == nil {
				r.again = time.After(r.back.Next())
			}
		case <-f.restart.again:
			f.restart.again = nil
			f.resume(dispatch)
		case <-quit:
			quit = nil
			stopReading()
			if end == nil {
				end = ErrQuit
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
	close(f.Ended)
	return end
}

// read reads the source, by one batch ahead, until ctx ends. Nothing follows an error.
func (f *Flight) read(ctx context.Context) (incoming <-chan read, ended <-chan struct{}) {
	in, over := make(chan read), make(chan struct{})
	log, ends := record.As[record.Ender](f.Source)
	go func() {
		defer close(over)
		for {
			b, err := f.Source.Next(ctx)
			select {
			case in <- read{b, err, ends && err == nil && b.End >= log.End()}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return in, over
}

func (f *Flight) push(e *entry) {
	f.window.push(e)
	f.Health.Add(1)
	f.Send.fly(1, int64(e.whole.Size()))
}

// pop counts what has been delivered up to something that is not.
func (f *Flight) pop() {
	l := f.window.pop(f.onDelivered)
	if l.batches == 0 {
		return
	}
	f.Send.fly(-l.batches, -l.bytes)
	f.Delivered += l.records
	if f.onDelivered == nil {
		f.Send.m.records.Add(float64(l.records))
		f.Send.m.bytes.Add(float64(l.bytes))
	}
	if f.OnTally != nil && len(l.notes) > 0 {
		f.OnTally(l.notes...)
	}
	f.progress(l.end)
}

func (f *Flight) progress(pos int64) {
	if f.OnAck != nil {
		f.OnAck(pos)
	}
}

// abandon gives up what is in flight: late answers are waited for a while, in which they still
// count, and then elsewhere. What is delivered behind something that is not goes to ahead, however
// late that is known.
func (f *Flight) abandon(join func()) {
	timeout := time.NewTimer(f.Send.GracePeriod(f.Health))
	defer timeout.Stop()
wait:
	for f.outstanding > 0 {
		select {
		case r := <-f.results:
			f.outstanding--
			f.lateHere(r)
			f.pop()
		case <-timeout.C:
			break wait
		}
	}
	for _, e := range f.window.entries {
		f.Send.forget(&e.isRetried)
		if e.state == done {
			f.Ahead.add(e.whole.First, e.whole.End)
		} else {
			f.Health.Add(-1)
			f.Ahead.addBut(e.whole, e.b)
		}
		f.Send.fly(-1, -int64(e.whole.Size()))
	}
	f.window = window{}
	left := f.outstanding
	go func() {
		for range left {
			r := <-f.results
			f.late(r)
			if r.e.state == done {
				f.Ahead.add(r.e.whole.First, r.e.whole.End)
			} else {
				f.Ahead.addBut(r.e.whole, r.e.b)
			}
		}
		join()
		close(f.Ended)
	}()
}

// lateHere is late for an entry that is still in the window.
func (f *Flight) lateHere(r result) {
	if f.late(r); r.e.state == done {
		f.Health.Add(-1)
	}
}

// late takes the result of a flight that is given up: only what is delivered matters.
func (f *Flight) late(r result) {
	e := r.e
	switch {
	case r.err == nil && r.isDeadLettered && r.v.rest == nil:
		e.add(r.v.outcome())
		e.state = done
	case r.err == nil && !r.isDeadLettered:
		if e.state = done; f.writer() == nil {
			e.add(r.of)
		} else {
			e.taken += e.b.Len()
		}
	case r.err == nil: // in the dead letter, and some of it is left
		e.add(r.v.outcome())
		e.b = r.v.rest
	case r.isDeadLettered: // not in the dead letter, but what was taken is
		e.taken += r.v.taken
		e.b = undelivered(e.b, r.sent)
	case r.err == errNotStarted:
	case f.writer() == nil:
		e.b = r.rest
	default:
		if rest := undelivered(e.b, r.err); rest != nil {
			e.b = rest
		} else {
			e.taken += e.b.Len()
			e.state = done
		}
	}
}

func (s *Sender) fly(batches int, bytes int64) {
	s.m.flyingBatches.Set(float64(s.Flying.Add(int64(batches))))
	s.m.flyingBytes.Set(float64(s.Bytes.Add(bytes)))
}
