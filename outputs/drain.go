package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/penstock/penstock/buffer/record"
)

// drain is one log being drained by one Drainer.
type drain struct {
	out    *Drainer
	log    record.Log
	ledger *ledger
	health health // of the primary destination, as this log sees it

	ahead ahead // what the primary destination, or the standby, has of the log behind its position

	// Overflow objects that were made of this log while something of it was ahead, or could come to be: positions in others, of an earlier
	// life of the log perhaps, say nothing about this one.
	ownMu sync.Mutex
	own   map[string]bool

	strayMu sync.Mutex
	strays  []chan struct{} // flights whose last writes may not have returned yet

	over  *failover // nil without one
	exact *exactLog // nil unless delivery is exactly once
}

func newDrain(d *Drainer, log record.Log) *drain {
	return &drain{out: d, log: log, ledger: newLedger(log, d.cfg.Retry, d.to.env)}
}

func (r *drain) run(ctx context.Context) error {
	defer r.leaveStrays(ctx)
	if r.out.to.transactor != nil {
		var err error
		if r.exact, err = newExactLog(r); err != nil {
			return err
		}
		defer r.exact.session.Close()
		if err = r.deliver(ctx); errors.Is(err, ErrTaken) {
			return r.exact.stopped(ctx, err)
		}
		return err
	}
	return r.deliver(ctx)
}

func (r *drain) deliver(ctx context.Context) error {
	if r.out.cfg.Failover != nil {
		c := control{log: r.log, ledger: r.ledger, health: &r.health, cfg: r.out.cfg.Failover, to: &r.out.to, drain: r}
		if r.exact != nil {
			c.exact = r.exact
		}
		f := newFailover(c)
		r.out.mu.Lock() // it is read by Status
		r.over = f
		r.out.mu.Unlock()
		return f.run(ctx)
	}
	_, text := r.ledger.state()
	if n, err := parseNote(text); err == nil && n.stored() {
		tellStranded(r.out.to.env.Log.With("log", r.log.Name()), n, "the output has no failover block")
	}
	err := r.Fly(ctx, r.out.to.send, nil)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// leaveStrays waits for the writes of flights that are over. What an AsyncWriter does not answer in time it answers when it is closed.
func (r *drain) leaveStrays(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if r.out.to.send.async != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, grace)
		defer cancel()
	}
	_ = r.AwaitStrays(ctx)
}

// AwaitStrays waits for the writes that earlier flights left behind, so that nothing can overtake them.
func (r *drain) AwaitStrays(ctx context.Context) error {
	r.strayMu.Lock()
	strays := r.strays
	r.strays = nil
	r.strayMu.Unlock()
	if len(strays) > 0 {
		// A write that does not return is a destination that hangs.
		r.health.add(1)
		defer r.health.add(-1)
	}
	for i, s := range strays {
		select {
		case <-s:
		case <-ctx.Done():
			for _, s := range strays[i:] {
				r.Stray(s)
			}
			return ctx.Err()
		}
	}
	return nil
}

// awaitOthers waits for what earlier flights left behind before a flight through send begins. A standby does not wait for ever: what the
// primary destination does not answer for goes there as well.
func (r *drain) awaitOthers(ctx context.Context, send *sender) error {
	if send == r.out.to.send {
		return r.AwaitStrays(ctx)
	}
	wctx, cancel := context.WithTimeout(ctx, 4*grace)
	defer cancel()
	_ = r.AwaitStrays(wctx)
	return ctx.Err()
}

// Moved takes note of an overflow object that was made of the log.
func (r *drain) Moved(key string) {
	r.strayMu.Lock()
	strays := len(r.strays) > 0
	r.strayMu.Unlock()
	if !strays && r.ahead.empty() {
		return
	}
	r.ownMu.Lock()
	defer r.ownMu.Unlock()
	if r.own == nil {
		r.own = map[string]bool{}
	}
	r.own[key] = true
}

// AheadIn returns what may be known to be delivered of an object; nil if nothing is.
func (r *drain) AheadIn(key string) *ahead {
	r.ownMu.Lock()
	defer r.ownMu.Unlock()
	if r.own[key] {
		return &r.ahead
	}
	return nil
}

// Replayed forgets an object, and what was known of it.
func (r *drain) Replayed(key string) {
	r.ownMu.Lock()
	defer r.ownMu.Unlock()
	if r.own[key] {
		delete(r.own, key)
		first, end, _ := parseObjectName(path.Base(key))
		r.ahead.forget(first, end)
	}
}

func (r *drain) Stray(done chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	r.strayMu.Lock()
	defer r.strayMu.Unlock()
	r.strays = append(r.strays, done)
}

// Fly delivers the log from its committed position through send and commits as it goes. It returns io.EOF at the log's end, errQuit once quit
// is closed, ctx's error, or what the log answers.
func (r *drain) Fly(ctx context.Context, send *sender, quit <-chan struct{}) error {
	if r.exact != nil && send == r.out.to.send {
		return r.exact.run(ctx, quit)
	}
	if err := r.awaitOthers(ctx, send); err != nil {
		return err
	}
	pos, _ := r.ledger.state()
	if err := r.log.SeekTo(pos); err != nil {
		return fmt.Errorf("seek %s to %d: %w", r.log.Name(), pos, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newCommitter(r.ledger)
	committed := make(chan struct{})
	cctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(committed)
		if err := c.run(cctx); cctx.Err() == nil {
			cancel(err) // the log is lost
		}
	}()
	h := &r.health
	if send != r.out.to.send {
		h = new(health)
	}
	acked := func(at int64) {
		r.ahead.forget(pos, at)
		c.reached(at)
	}
	f := &flight{send: send, src: r.log, from: pos, ahead: &r.ahead, health: h, acked: acked, quit: quit}
	err := f.run(ctx)
	r.Stray(f.stray)
	stop()
	<-committed
	if cause := context.Cause(ctx); cause != nil && cause != ctx.Err() {
		return cause
	}
	// What was delivered until the very end would be delivered again after a restart if it were not committed now.
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancelLast()
	if ferr := c.flush(last); ferr != nil && ctx.Err() == nil {
		return ferr
	}
	return err
}
