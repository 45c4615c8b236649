package drain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/outputs/recordline"
)

// drain is one log being drained by one Drainer.
type drain struct {
	out    *Drainer
	log    record.Log
	ledger *deliver.Ledger
	health deliver.Health // of the primary destination, as this log sees it
	*lasting

	over *overflow.Controller // nil without one
	txn  *txnLog              // nil unless delivery is exactly once
}

func newDrain(d *Drainer, log record.Log, l *lasting) *drain {
	ledger := deliver.NewLedger(log, d.cfg.Retry, d.to.Env)
	return &drain{out: d, log: log, ledger: ledger, lasting: l}
}

func (r *drain) run(ctx context.Context) error {
	defer r.leaveStragglers(ctx)
	_, text := r.ledger.State()
	var newer *dataformat.NewerError
	if _, err := overflow.ParseNote(text); errors.As(err, &newer) {
		return err // what it says is not to be overwritten
	}
	if r.out.to.Transactor != nil {
		var err error
		if r.txn, err = newTxnLog(r); err != nil {
			return err
		}
		defer r.txn.Session.Close()
		if err = r.deliver(ctx); errors.Is(err, outputs.ErrTaken) {
			return r.txn.awaitEnd(ctx, err)
		}
		return err
	}
	return r.deliver(ctx)
}

func (r *drain) deliver(ctx context.Context) error {
	if r.out.cfg.Failover != nil {
		c := overflow.Control{
			Log:    r.log,
			Ledger: r.ledger,
			Health: &r.health,
			Config: r.out.cfg.Failover,
			To:     &r.out.to,
			Drain:  r,
			Begun:  &r.begun,
		}
		if r.txn != nil {
			c.Txn = r.txn
		}
		f := overflow.New(c)
		r.out.mu.Lock() // it is read by Status
		r.over = f
		r.out.mu.Unlock()
		return f.Run(ctx)
	}
	_, text := r.ledger.State()
	if where := overflow.LeftBehind(text); where != "" {
		overflow.LogStranded(
			r.out.to.Env.Log.With("log", r.log.Name()), where, "the output has no failover block",
		)
	}
	err := r.Fly(ctx, r.out.to.Send, nil)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// leaveStragglers waits for the writes of flights that are over. What an AsyncWriter has not
// answered while its flight waited for it is left to who drains the log next.
func (r *drain) leaveStragglers(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if r.out.to.Send.Async != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deliver.Brief)
		defer cancel()
	}
	_ = r.AwaitStragglers(ctx)
}

// AwaitStragglers waits for the writes that earlier flights left behind, so that nothing can
// overtake them.
func (r *drain) AwaitStragglers(ctx context.Context) error {
	r.stragglersMu.Lock()
	strays := r.stragglers
	r.stragglers = nil
	r.stragglersMu.Unlock()
	if len(strays) > 0 {
		// A write that does not return is a destination that hangs.
		r.health.Add(1)
		defer r.health.Add(-1)
	}
	for i, s := range strays {
		select {
		case <-s:
		case <-ctx.Done():
			for _, s := range strays[i:] {
				r.AddStraggler(s)
			}
			return ctx.Err()
		}
	}
	return nil
}

// awaitOthers waits for what earlier flights left behind before a flight through send begins. A
// standby does not wait for ever: what the primary destination does not answer for goes there as
// well.
func (r *drain) awaitOthers(ctx context.Context, send *deliver.Sender) error {
	if send == r.out.to.Send {
		return r.AwaitStragglers(ctx)
	}
	wctx, cancel := context.WithTimeout(ctx, 4*deliver.Grace)
	defer cancel()
	_ = r.AwaitStragglers(wctx)
	return ctx.Err()
}

// Moved takes note of an overflow object that was made of the log.
func (r *drain) Moved(key string) {
	r.stragglersMu.Lock()
	strays := len(r.stragglers) > 0
	r.stragglersMu.Unlock()
	if !strays && r.ahead.Empty() {
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
func (r *drain) AheadIn(key string) *deliver.Ahead {
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
		first, end, _ := recordline.ParseObjectName(path.Base(key))
		r.ahead.Forget(first, end)
	}
}

func (r *drain) AddStraggler(done chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	r.stragglersMu.Lock()
	defer r.stragglersMu.Unlock()
	r.stragglers = append(r.stragglers, done)
}

// note returns where flights note what has become of records of the log; nil if it keeps no counts.
func (r *drain) note() func(...tally.Entry) {
	if k, ok := record.As[tally.Keeper](r.log); ok {
		return k.Note
	}
	return nil
}

// Fly delivers the log from its committed position through send and commits as it goes. It returns
// io.EOF at the log's end, ErrQuit once quit is closed, ctx's error, or what the log answers.
func (r *drain) Fly(ctx context.Context, send *deliver.Sender, quit <-chan struct{}) error {
	if r.txn != nil && send == r.out.to.Send {
		return r.txn.run(ctx, quit)
	}
	if err := r.awaitOthers(ctx, send); err != nil {
		return err
	}
	pos, _ := r.ledger.State()
	if err := r.log.SeekTo(pos); err != nil {
		return fmt.Errorf("seek %s to %d: %w", r.log.Name(), pos, err)
	}
	h := &r.health
	if send != r.out.to.Send {
		h = new(deliver.Health)
	}
	return r.ledger.Follow(ctx, func(ctx context.Context, reached func(int64)) error {
		f := &deliver.Flight{
			Send:   send,
			Source: r.log,
			From:   pos,
			Ahead:  &r.ahead,
			Health: h,
			OnAck: func(at int64) {
				r.ahead.Forget(pos, at)
				reached(at)
			},
			OnTally: r.note(),
			Quit:    quit,
		}
		err := f.Run(ctx)
		r.AddStraggler(f.Ended)
		return err
	})
}
