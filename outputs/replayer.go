package outputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
)

// replayer delivers the objects under one base, oldest first, and removes each once all of it is delivered. Only run and what it calls
// use its state.
type replayer struct {
	destination
	store  spool.Store
	base   string
	holder string
	keep   bool // move to replayed/ instead of deleting
	dir    string
	health *health
	log    *slog.Logger
	m      *overflowMetrics // nil outside the agent
	ill    *trouble
	stray  func(chan struct{})                               // takes flights that may still be ending
	listed func()                                            // called before each listing
	skip   func(key string) bool                             // tells of objects that do not count yet, or not any more
	began  func(oldest time.Time)                            // called with the time of each object's first record; may be nil
	did    func(o spool.Object, records int64, damaged bool) // called after each object

	// Only for objects that are no overflow.
	own   string                                          // the directory below base of what the replayer itself puts there
	waits func(key string) bool                           // tells which objects wait
	take  func(ctx context.Context, o spool.Object) error // replays one object and removes it

	note     func() note                     // of the log, which says what the destination has already; nil outside the agent
	remember func(context.Context, replayed) // keeps it in the log's note; nil outside the agent
	exact    *exactReplay                    // while run runs

	known func(key string) *ahead // what is known to be delivered of an object, by positions in the log; may be nil

	// How far the object that was cut short had been delivered, by its lines, so that this process does not repeat it.
	partKey string
	partAt  int64
	part    *ahead
	partMu  sync.Mutex
}

// run replays until nothing waits. It returns nil then, ctx's error, a *leasedError, or errLeaseLost.
func (p *replayer) run(ctx context.Context) error {
	l := &lease{store: p.store, dir: p.base + p.own + leaseDir, holder: p.holder}
	if err := p.persist(ctx, "take the lease", func() error { return l.claim(ctx) }); err != nil {
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
	if errors.Is(cause, errLeaseLost) {
		return cause
	}
	rctx, stop := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer stop()
	// If it cannot be released it ends by itself.
	_ = p.persist(rctx, "release the lease", func() error { return l.release(rctx) })
	return err
}

func (p *replayer) keepLease(ctx context.Context, cancel context.CancelCauseFunc, l *lease) {
	for {
		if sleep(ctx, leaseTTL/4) != nil {
			return
		}
		err := l.renew(ctx)
		var held *leasedError
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLeaseLost), errors.As(err, &held), time.Now().After(l.expires):
			cancel(errLeaseLost)
			return
		case err != nil:
			p.failed(fmt.Errorf("renew the lease: %w", err))
		}
	}
}

// deliver replays everything, in transactions if that is wanted.
func (p *replayer) deliver(ctx context.Context) error {
	if p.transactor == nil {
		return p.objects(ctx)
	}
	var err error
	if p.exact, err = newExactReplay(p); err != nil {
		return err
	}
	defer func() { p.exact = nil }()
	defer p.exact.close()
	if err = p.objects(ctx); errors.Is(err, ErrTaken) {
		return errLeaseLost // by somebody who replays under a lease of his own
	}
	return err
}

// objects replays what is listed until a listing is empty.
func (p *replayer) objects(ctx context.Context) error {
	for {
		n := 0
		err := p.persist(ctx, "list", func() error {
			if p.listed != nil {
				p.listed()
			}
			for o, err := range p.store.List(ctx, p.base) {
				if err != nil {
					return err
				}
				ok, past := p.waiting(o.Key)
				if past {
					break
				}
				if !ok || p.skip != nil && p.skip(o.Key) {
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

func (p *replayer) waiting(key string) (ok, past bool) {
	if p.waits != nil {
		return p.waits(key), false
	}
	return waitingObject(key, p.base)
}

// object replays one object and removes it. It returns ctx's error only.
func (p *replayer) object(ctx context.Context, o spool.Object) error {
	if p.take != nil {
		return p.take(ctx, o)
	}
	if p.exact != nil {
		return p.exact.object(ctx, o)
	}
	p.partMu.Lock()
	if p.partKey != o.Key {
		p.partKey, p.partAt, p.part = o.Key, 0, &ahead{}
	}
	start, part := p.partAt, p.part
	p.partMu.Unlock()
	src := p.source(o, start)
	defer src.close()
	f := &flight{send: p.send, src: src, from: start, ahead: part, health: p.health, acked: func(pos int64) {
		p.partMu.Lock()
		p.partAt = pos
		p.partMu.Unlock()
	}}
	err := f.run(ctx)
	if p.stray != nil {
		p.stray(f.stray)
	}
	if p.m != nil {
		p.m.replayedRecords.Add(float64(f.delivered))
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if src.gone {
		return nil
	}
	if err := src.delivered(f.delivered); err != nil {
		p.partMu.Lock()
		p.partKey = "" // what was read was not what it holds
		p.partMu.Unlock()
		return err
	}
	return p.remove(ctx, o, f.delivered, src.damage())
}

func (p *replayer) source(o spool.Object, at int64) *objectSource {
	s := &objectSource{store: p.store, o: o, retry: p.retry, ill: p.ill, at: at, onErr: p.countError}
	if p.began != nil {
		s.first = func(b *record.Batch) { p.began(timeOf(b)) }
	}
	var skips []func(int64) bool
	if p.note != nil {
		_, _, mark := parseObjectName(path.Base(o.Key))
		if skip := p.note().skips(mark); skip != nil {
			skips = append(skips, skip)
		}
	}
	if p.known != nil {
		if a := p.known(o.Key); !a.empty() {
			skips = append(skips, a.has)
		}
	}
	if skips != nil {
		s.skip = func(pos int64) bool {
			return slices.ContainsFunc(skips, func(skip func(int64) bool) bool { return skip(pos) })
		}
	}
	return s
}

// remove takes away an object of which all is delivered, see objectSource.delivered, or all that can be read.
func (p *replayer) remove(ctx context.Context, o spool.Object, delivered int64, damage error) (err error) {
	if damage != nil {
		p.log.Error("an overflow object is damaged; what could be read was delivered, and the object is moved aside",
			"object", o.Key, "to", p.aside(o.Key, damagedDir), "error", damage,
			"do", "repair it (it is zstd over one JSON object per line) and move it back without its metadata, or delete it")
		err = p.persist(ctx, "move aside "+o.Key, func() error { return p.move(ctx, o, damagedDir) })
	} else if p.keep {
		err = p.persist(ctx, "move "+o.Key, func() error { return p.move(ctx, o, replayedDir) })
	} else {
		err = p.persist(ctx, "delete "+o.Key, func() error { return p.store.Delete(ctx, o.Key) })
	}
	if err != nil {
		return err
	}
	if p.m != nil {
		if p.m.replayed.Inc(); damage != nil {
			p.m.damaged.Inc()
		}
	}
	if p.did != nil {
		p.did(o, delivered, damage != nil)
	}
	return nil
}

func (p *replayer) aside(key, dir string) string { return p.base + p.own + dir + key[len(p.base):] }

// move copies an object, byte by byte, and deletes the original.
func (p *replayer) move(ctx context.Context, listed spool.Object, dir string) error {
	key := listed.Key
	r, o, err := p.store.Get(ctx, key)
	if errors.Is(err, spool.ErrNotFound) {
		return nil // an earlier attempt came as far as the delete
	}
	if err != nil {
		return err
	}
	r = spool.Body(r, listed.Size)
	defer r.Close()
	opts := spool.PutOptions{ContentType: "application/zstd", Metadata: o.Metadata}
	if listed.Size <= 32<<20 {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return p.moveTo(ctx, listed, p.aside(key, dir), bytes.NewReader(data), int64(len(data)), opts)
	}
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(p.dir, "object-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	return p.moveTo(ctx, listed, p.aside(key, dir), f, n, opts)
}

func (p *replayer) moveTo(ctx context.Context, listed spool.Object, to string, r io.ReaderAt, size int64, opts spool.PutOptions) error {
	if size != listed.Size {
		return fmt.Errorf("%w: %d bytes, and %d", errOtherObject, listed.Size, size)
	}
	if err := spool.Place(ctx, p.store, to, r, size, opts); err != nil {
		return err
	}
	return p.store.Delete(ctx, listed.Key)
}

// persist tries until do succeeds. It returns ctx's error or a *leasedError.
func (p *replayer) persist(ctx context.Context, what string, do func() error) error {
	back := backoff{Retry: p.retry}
	for {
		err := do()
		var held *leasedError
		switch {
		case err == nil:
			p.ill.worked()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &held), errors.Is(err, ErrTaken):
			return err
		}
		p.failed(fmt.Errorf("%s: %w", what, err))
		if err := back.wait(ctx); err != nil {
			return err
		}
	}
}

func (p *replayer) failed(err error) {
	p.countError()
	p.ill.failed(err)
}

func (p *replayer) countError() {
	if p.m != nil {
		p.m.storeErrors.Inc()
	}
}
