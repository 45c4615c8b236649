package overflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Replayer delivers the objects under one base, oldest first, and removes each once all of it is
// delivered. Only run and what it calls use its state.
type Replayer struct {
	Destination
	Store   spool.Store
	Base    string
	Holder  string
	Keep    bool // move to replayed/ instead of deleting
	Dir     string
	Health  *deliver.Health
	Log     *slog.Logger
	Failing *fault.FailureLog
	*Begun
	// tells of objects that do not count yet, or not any more
	Skip   func(key string) bool
	OnDone func(o spool.Object, records int64, damaged bool) // called after each object

	OtherObjects
	agentSide

	txn *txnReplay // while run runs
}

// OtherObjects are objects that are no overflow. The zero value says that they are overflow.
type OtherObjects struct {
	OwnDir    string                // below base, for what the replayer itself puts there
	IsWaiting func(key string) bool // tells which objects wait
	// replays one object and removes it
	ReplayObject func(ctx context.Context, o spool.Object) error
}

// agentSide is what the agent whose overflow it is has to say, and is told. All of it is zero
// outside of agents.
type agentSide struct {
	m           *overflowMetrics
	onStraggler func(chan struct{}) // takes flights that may still be ending
	onList      func()              // called before each listing
	// called with the time of an object's first record
	onObjectStart func(oldest time.Time)
	note          func() Note // of the log: what the destination has already
	// keeps it in the log's note
	onReplayed func(context.Context, replayed)
	// called with what was in an object of the log with this mark, before it is removed; it returns
	// once that is durable
	onCounted func(
		ctx context.Context, mark string, origins map[string]*recordline.OriginCount,
	) error
	// what is known to be delivered of an object, by positions in the log
	known func(key string) *deliver.Ahead
}

// releaseWithin is how long giving the lease back may take when a replay is told to end.
const releaseWithin = time.Second

// Run replays until nothing waits. It returns nil then, ctx's error, a *LeasedError, or
// ErrLeaseLost.
func (p *Replayer) Run(ctx context.Context) error {
	l := &lease{store: p.Store, dir: p.Base + p.OwnDir + recordline.LeaseDir, holder: p.Holder}
	if err := p.Persist(ctx, "take the lease", func() error { return l.claim(ctx) }); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		p.keepLease(ctx, cancel, l)
	}()
	err := p.deliver(ctx)
	cause := context.Cause(ctx)
	cancel(nil)
	<-renewed
	if errors.Is(cause, ErrLeaseLost) {
		return cause
	}
	within := deliver.Grace
	if err != nil { // a stop does not wait for it: the same holder takes its own lease over
		within = releaseWithin
	}
	rctx, stop := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer stop()
	// If it cannot be released it ends by itself.
	_ = p.Persist(rctx, "release the lease", func() error { return l.release(rctx) })
	return err
}

func (p *Replayer) keepLease(ctx context.Context, cancel context.CancelCauseFunc, l *lease) {
	for {
		if fault.Sleep(ctx, LeaseTTL/4) != nil {
			return
		}
		err := l.renew(ctx)
		var held *LeasedError
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrLeaseLost), errors.As(err, &held), time.Now().After(l.expires):
			cancel(ErrLeaseLost)
			return
		case err != nil:
			p.failed(fmt.Errorf("renew the lease: %w", err))
		}
	}
}

// deliver replays everything, in transactions if that is wanted.
func (p *Replayer) deliver(ctx context.Context) error {
	if p.Transactor == nil {
		return p.objects(ctx)
	}
	var err error
	if p.txn, err = newTxnReplay(p); err != nil {
		return err
	}
	defer func() { p.txn = nil }()
	defer p.txn.close()
	if err = p.objects(ctx); errors.Is(err, outputs.ErrTaken) {
		return ErrLeaseLost // by somebody who replays under a lease of his own
	}
	return err
}

// objects replays what is listed until a listing is empty.
func (p *Replayer) objects(ctx context.Context) error {
	for {
		n := 0
		err := p.Persist(ctx, "list", func() error {
			if p.onList != nil {
				p.onList()
			}
			for o, err := range p.Store.List(ctx, p.Base) {
				if err != nil {
					return err
				}
				ok, past := p.waiting(o.Key)
				if past {
					break
				}
				if !ok || p.Skip != nil && p.Skip(o.Key) {
					continue
				}
				n++
				if err := p.object(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (p *Replayer) waiting(key string) (ok, past bool) {
	if p.IsWaiting != nil {
		return p.IsWaiting(key), false
	}
	return recordline.WaitingObject(key, p.Base)
}

// object replays one object and removes it. It returns ctx's error only.
func (p *Replayer) object(ctx context.Context, o spool.Object) error {
	if p.ReplayObject != nil {
		return p.ReplayObject(ctx, o)
	}
	if p.txn != nil {
		return p.txn.object(ctx, o)
	}
	start, ahead := p.partial.of(o.Key)
	src := p.source(o, start)
	defer src.body.close()
	f := &deliver.Flight{
		Send:   p.Send,
		Source: src,
		From:   start,
		Ahead:  ahead,
		Health: p.Health,
		OnAck:  p.partial.moveTo,
	}
	err := f.Run(ctx)
	if p.onStraggler != nil {
		p.onStraggler(f.Ended)
	}
	if p.m != nil {
		p.m.replayedRecords.Add(float64(f.Delivered))
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if src.gone {
		return nil
	}
	if err := src.delivered(f.Delivered); err != nil {
		p.partial.forget() // what was read was not what it holds
		return err
	}
	return p.finish(ctx, o, src.origins(), f.Delivered, src.damage())
}

// finish counts an object of which all is delivered, and removes it. A replay that is told to end
// has a moment for that: what is counted and not removed would be counted again.
func (p *Replayer) finish(
	ctx context.Context, o spool.Object, origins map[string]*recordline.OriginCount,
	delivered int64, damage error,
) error {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), ErrLeaseLost) {
			cancel()
		}
		time.AfterFunc(releaseWithin, cancel)
	})()
	if err := p.count(last, o.Key, origins); err != nil {
		return err
	}
	return p.Remove(last, o, delivered, damage)
}

// count notes what was in an object that was read to its end: once, however often its removal is
// cut short.
func (p *Replayer) count(
	ctx context.Context, key string, origins map[string]*recordline.OriginCount,
) error {
	if p.onCounted == nil {
		return nil
	}
	if p.counted == key {
		origins = nil
	}
	p.counted = key
	_, _, mark := recordline.ParseObjectName(path.Base(key))
	if err := p.onCounted(ctx, mark, origins); err != nil {
		return fmt.Errorf("note that %s is replayed: %w", key, err)
	}
	return nil
}

// finishAgain removes an object that was replayed before a crash. It reads it to note what is in
// it.
func (p *Replayer) finishAgain(ctx context.Context, o spool.Object, damage error) error {
	src := p.source(o, 0)
	defer src.body.close()
	for p.onCounted != nil {
		_, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	return p.finish(ctx, o, src.origins(), 0, damage)
}

func (p *Replayer) source(o spool.Object, at int64) *objectSource {
	s := &objectSource{
		store:   p.Store,
		o:       o,
		retry:   p.Retry,
		failing: p.Failing,
		at:      at,
		onErr:   p.countError,
	}
	if p.onObjectStart != nil {
		s.onFirst = func(b *record.Batch) { p.onObjectStart(timeOf(b)) }
	}
	var skips []func(int64) bool
	if p.note != nil {
		_, _, mark := recordline.ParseObjectName(path.Base(o.Key))
		if skip := p.note().skips(mark); skip != nil {
			skips = append(skips, skip)
		}
	}
	if p.known != nil {
		if a := p.known(o.Key); !a.Empty() {
			skips = append(skips, a.Has)
		}
	}
	if skips != nil {
		s.skip = func(pos int64) bool {
			return slices.ContainsFunc(skips, func(skip func(int64) bool) bool { return skip(pos) })
		}
	}
	return s
}

// Persist tries until do succeeds. It returns ctx's error or a *LeasedError.
func (p *Replayer) Persist(ctx context.Context, what string, do func() error) error {
	err := fault.Persist(ctx, p.Retry.Backoff(), do, func(err error) error {
		var held *LeasedError
		var newer *dataformat.NewerError
		if errors.As(err, &held) || errors.Is(err, outputs.ErrTaken) ||
			p.m == nil && errors.As(err, &newer) {
			return err // an agent keeps trying: it is upgraded where it is
		}
		p.failed(fmt.Errorf("%s: %w", what, err))
		return nil
	})
	if err == nil {
		p.Failing.Worked()
	}
	return err
}

func (p *Replayer) failed(err error) {
	p.countError()
	p.Failing.Failed(err)
}

func (p *Replayer) countError() {
	if p.m != nil {
		p.m.storeErrors.Inc()
	}
}
