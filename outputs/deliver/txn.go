package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
)

// TxnDelivery delivers through a session: flights whose progress is committed by its transactions.
type TxnDelivery struct {
	Session         outputs.Session
	Send            *Sender
	Pace            *CommitPace
	Health          *Health
	OnStraggler     func(chan struct{})
	AwaitStragglers func(context.Context) error // waits for what earlier flights left behind

	// AllCommitted tells that nothing was started which is not known to be committed.
	AllCommitted atomic.Bool
	stalled      atomic.Bool

	held    atomic.Int64 // bytes started since the last cut
	lastCut time.Time    // of the flight under way, or the one before

	mu          sync.Mutex
	uncommitted []uncommitted // of the flight under way, or the one before
}

// uncommitted is a batch that is delivered, in a transaction that is not known to be committed.
type uncommitted struct {
	end, records, bytes int64
	begun               time.Time
	answered
}

func (x *TxnDelivery) onDelivered(e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.uncommitted = append(x.uncommitted, uncommitted{
		e.whole.End, int64(e.whole.Len()), int64(e.whole.Size()), e.begun, e.answered,
	})
}

// Settle counts what the flight under way, or the one before, has delivered before a position, all
// of which is committed.
func (x *TxnDelivery) Settle(at int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, m, now := 0, x.Send.m, time.Now()
	for _, u := range x.uncommitted {
		if u.end > at {
			break
		}
		n++
		m.records.Add(float64(u.records))
		m.bytes.Add(float64(u.bytes))
		if !u.at.IsZero() {
			m.concluded(u.answered, u.begun, now.Sub(u.at))
		}
	}
	x.uncommitted = slices.Delete(x.uncommitted, 0, n)
}

// Forget gives up what is not known to be committed: it is delivered again, or somebody else has
// it.
func (x *TxnDelivery) Forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.uncommitted = nil
}

// TxnFlight is what one flight delivers and how its progress is told.
type TxnFlight struct {
	Source       source
	From         int64
	Quit         <-chan struct{}
	Position     func(at int64, ended bool) outputs.Position
	BeforeCommit func(ctx context.Context, at int64) error // before a commit; may be nil
	OnCommit     func(at int64)                            // after one
	Note         func(...tally.Entry)                      // see Flight; may be nil
}

// keepEvery is how often a position is committed that does not move: brokers forget it, and the
// transactional id, some days after the last time.
const keepEvery = time.Hour

// ErrAborted is what a flight ends with whose transactions broke: what is not committed is
// delivered again, after resolving.
var ErrAborted = errors.New("a transaction was given up; what it held is sent again")

// Resolve brings the session to a known state. While something waits to be delivered, the
// destination counts as stalled.
func (x *TxnDelivery) Resolve(
	ctx context.Context, waiting func() bool,
) (outputs.Position, bool, error) {
	if err := x.AwaitStragglers(ctx); err != nil {
		return outputs.Position{}, false, err
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if waiting() {
				x.MarkStalled()
				return
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	p, found, err := x.Session.Resolve(ctx)
	close(stop)
	wg.Wait()
	if err != nil {
		return p, found, err
	}
	return p, found, nil
}

// MarkStalled makes the destination count as not answering until release.
func (x *TxnDelivery) MarkStalled() {
	if x.stalled.CompareAndSwap(false, true) {
		x.Health.Add(1)
	}
}

func (x *TxnDelivery) ClearStalled() {
	if x.stalled.CompareAndSwap(true, false) {
		x.Health.Add(-1)
	}
}

// NoteResolved takes note of a commit that went through: whatever was in doubt is known.
func (x *TxnDelivery) NoteResolved() {
	x.Health.noteAnswer()
	x.ClearStalled()
	x.AllCommitted.Store(true)
	x.Send.Failing.Worked()
}

// Start implements AsyncWriter for flights.
func (x *TxnDelivery) Start(ctx context.Context, b *record.Batch, done func(error)) {
	x.AllCommitted.Store(false)
	x.held.Add(int64(b.Size()))
	x.Session.Start(ctx, b, done)
}

func (x *TxnDelivery) Close() error { return nil }

// Fly delivers a source from a resolved session on. It returns io.EOF once all is delivered and
// committed, ErrQuit once what was in flight when Quit was closed is, ErrAborted, ctx's error or
// the source's.
func (x *TxnDelivery) Fly(outer context.Context, e TxnFlight) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	c := &commits{x: x, e: e, wake: make(chan struct{}, 1)}
	x.held.Store(0)
	x.Forget()
	c.reached.Store(e.From)
	c.committed = e.From
	f := &Flight{
		Send:    x.Send,
		via:     x,
		Source:  e.Source,
		From:    e.From,
		Health:  x.Health,
		Quit:    e.Quit,
		OnAck:   c.ack,
		OnTally: e.Note,

		onDelivered: x.onDelivered,
	}
	// It goes on while a flight that was cancelled waits for what is under way, some of which may
	// wait for a commit.
	cctx, stop := context.WithCancel(context.WithoutCancel(outer))
	defer stop()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := c.run(cctx); err != nil {
			x.MarkStalled()
			cancel(err)
		}
	}()
	err := f.Run(ctx)
	x.OnStraggler(f.Ended)
	patience := x.Send.GracePeriod(x.Health)
	if f.outstanding > 0 { // the flight has waited
		patience = Brief
	}
	stop()
	<-closed
	if cause := context.Cause(ctx); cause != nil && outer.Err() == nil {
		return cause
	}
	ended := errors.Is(err, io.EOF)
	last, cancelLast := context.WithCancel(outer)
	if outer.Err() != nil {
		// What was delivered until the end is committed if that goes quickly.
		cancelLast()
		last, cancelLast = context.WithTimeout(context.WithoutCancel(outer), patience)
	}
	defer cancelLast()
	if ended {
		c.spare(last)
	}
	cerr := c.finish(last, ended)
	switch {
	case outer.Err() != nil:
		if cerr != nil || c.left() {
			x.Session.Break()
		} else {
			x.AllCommitted.Store(true)
		}
		return outer.Err()
	case cerr != nil:
		x.MarkStalled()
		return cerr
	}
	x.AllCommitted.Store(!c.left())
	return err
}

// commits ends a flight's transactions as it goes.
type commits struct {
	x    *TxnDelivery
	e    TxnFlight
	wake chan struct{}
	// everything before it is delivered, in a transaction that is committed or open
	reached atomic.Int64

	// Of run, and of finish after it.
	cut       int64 // where the transaction that was cut ends
	committed int64
}

func (c *commits) ack(pos int64) {
	c.reached.Store(pos)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run commits until ctx ends, or a transaction breaks.
func (c *commits) run(ctx context.Context) error {
	broken := c.x.Session.Broken()
	keep := time.NewTimer(keepEvery)
	defer keep.Stop()
	for {
		idle := false
		select {
		case <-c.wake:
		case <-keep.C:
			idle = true
		case <-broken:
			return ErrAborted
		case <-ctx.Done():
			return nil
		}
		if err := c.gather(ctx, broken); err != nil || ctx.Err() != nil {
			return err
		}
		// before the Cut: what is started after it is in a transaction that stays open
		passed := c.reached.Load()
		if c.cut = c.cutNow(idle); c.cut == 0 {
			c.pass(passed)
			if !idle {
				continue
			}
		}
		for c.reached.Load() < c.cut {
			select {
			case <-c.wake:
			case <-broken:
				return ErrAborted
			case <-ctx.Done():
				return nil
			}
		}
		if err := c.commit(ctx, false, idle); err != nil {
			return err
		}
		keep.Reset(keepEvery)
	}
}

// gather waits until the transaction is to be cut of which something has just been delivered, or
// ctx ends.
func (c *commits) gather(ctx context.Context, broken <-chan struct{}) error {
	first := time.Now()
	due := c.x.Pace.due(first, c.x.lastCut)
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-c.wake:
		case <-broken:
			return ErrAborted
		case <-ctx.Done():
			return nil
		}
		if c.x.held.Load() >= fullTransaction {
			timer.Reset(time.Until(first.Add(c.x.Pace.bounds.Shortest)))
		}
	}
}

func (c *commits) cutNow(empty bool) int64 {
	end := c.x.Session.Cut(empty)
	if end != 0 {
		c.x.lastCut = time.Now()
		c.x.held.Store(0)
	}
	return end
}

// spare waits before the commit at the end of a source: one short object after the other, each with
// a transaction of its own, would keep coordinators that many agents share as busy as they can be.
func (c *commits) spare(ctx context.Context) {
	turn := time.NewTimer(time.Until(c.x.Pace.spared(c.x.lastCut)))
	defer turn.Stop()
	select {
	case <-turn.C:
	case <-c.x.Session.Broken():
	case <-ctx.Done():
	}
}

// finish commits what is left once nothing is being delivered any more.
func (c *commits) finish(ctx context.Context, ended bool) error {
	if c.cut <= c.committed {
		c.cut = c.cutNow(false)
	}
	if c.left() {
		return nil
	}
	return c.commit(ctx, ended, false)
}

// left reports whether something was started that is not delivered, or not committed.
func (c *commits) left() bool { return c.cut > c.reached.Load() }

// pass takes note that only what needs no delivery lies between what is committed and at.
func (c *commits) pass(at int64) {
	if at > c.committed {
		c.committed = at
		c.x.Settle(at)
		c.e.OnCommit(at)
	}
}

// commit commits the transaction that was cut. always is for one that may hold nothing but the
// position.
func (c *commits) commit(ctx context.Context, ended, always bool) error {
	at := c.reached.Load()
	if c.cut <= c.committed && !always && !(ended && c.e.Position(at, true).Ended) {
		c.pass(at)
		return nil
	}
	// A commit under way is waited for a while: its outcome would have to be asked for.
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(min(Grace/4, c.x.Send.GracePeriod(c.x.Health)), cancel)
	})()
	if c.e.BeforeCommit != nil {
		if err := c.e.BeforeCommit(wctx, at); err != nil {
			c.x.Session.Break()
			return fmt.Errorf("prepare to commit %d: %w", at, err)
		}
	}
	begun := time.Now()
	err := c.x.Session.Commit(wctx, c.e.Position(at, ended))
	c.x.Pace.observe(time.Since(begun), err != nil)
	if err != nil {
		if errors.Is(err, outputs.ErrTaken) {
			return err
		}
		c.x.Send.Failing.Failed(err)
		return ErrAborted
	}
	c.committed = at
	c.x.Health.noteAnswer()
	c.x.Settle(at)
	c.e.OnCommit(at)
	return nil
}
