package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// exactly delivers through a session: flights whose progress is committed by its transactions.
type exactly struct {
	session Session
	send    *sender
	every   time.Duration
	health  *health
	stray   func(chan struct{})
	strays  func(context.Context) error // waits for what earlier flights left behind

	// clean tells that nothing was started which is not known to be committed.
	clean atomic.Bool
	holds atomic.Bool
}

// exactFlight is what one flight delivers and how its progress is told.
type exactFlight struct {
	src      source
	from     int64
	quit     <-chan struct{}
	position func(at int64, ended bool) Position
	prepare  func(ctx context.Context, at int64) error // before a commit; may be nil
	done     func(at int64)                            // after one
}

// keepEvery is how often a position is committed that does not move: brokers forget it, and the transactional id, some days
// after the last time.
const keepEvery = time.Hour

// errAborted is what a flight ends with whose transactions broke: what is not committed is delivered again, after settling.
var errAborted = errors.New("a transaction was given up; what it held is sent again")

// settle brings the session to a known state. While something waits to be delivered, the destination counts as stalled.
func (x *exactly) settle(ctx context.Context, waiting func() bool) (Position, bool, error) {
	if err := x.strays(ctx); err != nil {
		return Position{}, false, err
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if waiting() {
				x.hold()
				return
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	p, found, err := x.session.Settle(ctx)
	close(stop)
	wg.Wait()
	if err != nil {
		return p, found, err
	}
	return p, found, nil
}

// hold makes the destination count as not answering until release.
func (x *exactly) hold() {
	if x.holds.CompareAndSwap(false, true) {
		x.health.add(1)
	}
}

func (x *exactly) release() {
	if x.holds.CompareAndSwap(true, false) {
		x.health.add(-1)
	}
}

// settled takes note of a commit that went through: whatever was in doubt is known.
func (x *exactly) settled() {
	x.health.alive()
	x.release()
	x.clean.Store(true)
	x.send.ill.worked()
}

// Start implements AsyncWriter for flights.
func (x *exactly) Start(ctx context.Context, b *record.Batch, done func(error)) {
	x.clean.Store(false)
	x.session.Start(ctx, b, done)
}

func (x *exactly) Close() error { return nil }

// fly delivers a source from a settled session on. It returns io.EOF once all is delivered and committed, errQuit once what was in flight when
// quit was closed is, errAborted, ctx's error or the source's.
func (x *exactly) fly(outer context.Context, e exactFlight) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	c := &commits{x: x, e: e, wake: make(chan struct{}, 1)}
	c.reached.Store(e.from)
	c.committed = e.from
	f := &flight{send: x.send, via: x, src: e.src, from: e.from, health: x.health, quit: e.quit, acked: c.ack}
	// It goes on while a flight that was cancelled waits for what is under way, some of which may wait for a commit.
	cctx, stop := context.WithCancel(context.WithoutCancel(outer))
	defer stop()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := c.run(cctx); err != nil {
			x.hold()
			cancel(err)
		}
	}()
	err := f.run(ctx)
	x.stray(f.stray)
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
		last, cancelLast = context.WithTimeout(context.WithoutCancel(outer), grace)
	}
	defer cancelLast()
	cerr := c.finish(last, ended)
	switch {
	case outer.Err() != nil:
		if cerr != nil || c.left() {
			x.session.Break()
		} else {
			x.clean.Store(true)
		}
		return outer.Err()
	case cerr != nil:
		x.hold()
		return cerr
	}
	x.clean.Store(!c.left())
	return err
}

// commits ends a flight's transactions as it goes.
type commits struct {
	x       *exactly
	e       exactFlight
	wake    chan struct{}
	reached atomic.Int64 // everything before it is delivered, in a transaction that is committed or open

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
	broken := c.x.session.Broken()
	timer, keep := time.NewTimer(0), time.NewTimer(keepEvery)
	defer timer.Stop()
	defer keep.Stop()
	<-timer.C
	for {
		idle := false
		select {
		case <-c.wake:
		case <-keep.C:
			idle = true
		case <-broken:
			return errAborted
		case <-ctx.Done():
			return nil
		}
		timer.Reset(c.x.every)
		select {
		case <-timer.C:
		case <-broken:
			return errAborted
		case <-ctx.Done():
			return nil
		}
		passed := c.reached.Load() // before the Cut: what is started after it is in a transaction that stays open
		if c.cut = c.x.session.Cut(idle); c.cut == 0 {
			c.pass(passed)
			if !idle {
				continue
			}
		}
		for c.reached.Load() < c.cut {
			select {
			case <-c.wake:
			case <-broken:
				return errAborted
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

// finish commits what is left once nothing is being delivered any more.
func (c *commits) finish(ctx context.Context, ended bool) error {
	if c.cut <= c.committed {
		c.cut = c.x.session.Cut(false)
	}
	if c.left() {
		return nil
	}
	return c.commit(ctx, ended, false)
}

// left tells whether something was started that is not delivered, or not committed.
func (c *commits) left() bool { return c.cut > c.reached.Load() }

// pass takes note that only what needs no delivery lies between what is committed and at.
func (c *commits) pass(at int64) {
	if at > c.committed {
		c.committed = at
		c.e.done(at)
	}
}

// commit commits the transaction that was cut. always is for one that may hold nothing but the position.
func (c *commits) commit(ctx context.Context, ended, always bool) error {
	at := c.reached.Load()
	if c.cut <= c.committed && !always && !(ended && c.e.position(at, true).Ended) {
		c.pass(at)
		return nil
	}
	// A commit under way is waited for a while: its outcome would have to be asked for.
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace/4, cancel) })()
	if c.e.prepare != nil {
		if err := c.e.prepare(wctx, at); err != nil {
			c.x.session.Break()
			return fmt.Errorf("prepare to commit %d: %w", at, err)
		}
	}
	if err := c.x.session.Commit(wctx, c.e.position(at, ended)); err != nil {
		if errors.Is(err, ErrTaken) {
			return err
		}
		c.x.send.ill.failed(err)
		return errAborted
	}
	c.committed = at
	c.x.health.alive()
	c.e.done(at)
	return nil
}
