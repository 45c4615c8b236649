package spool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// Trier is a Store that can tell whether an object could be put, without putting one: that would be
// an event to whoever listens to the bucket, and there may be no right to delete it.
type Trier interface {
	Store
	// Try begins to put an object under key, and gives that up. It needs no right that Put does not
	// need. Its error is that of Put, or ErrUntold.
	Try(ctx context.Context, key string) error
}

var (
	// ErrUntold tells that a store cannot say whether it would take an object.
	ErrUntold = errors.New("the store does not tell whether it would take an object")
	// ErrDenied is wrapped, beside ErrRefused, where the credentials are known: they may not put
	// under this key, and perhaps under others.
	ErrDenied = errors.New("these credentials may not")
)

// TryEvery is how often a store that nothing is put into is asked whether it would take an object.
const TryEvery = 10 * time.Minute

// TryUnder asks a store whether it would take an object under a path. An error other than ErrUntold
// has a method Do, which says what a person can do about it.
func TryUnder(ctx context.Context, store Store, path string) error {
	t, ok := store.(Trier)
	if !ok {
		return ErrUntold
	}
	err := t.Try(ctx, JoinPrefix(path)+probeName+"of_nothing")
	if err == nil || errors.Is(err, ErrUntold) {
		return err
	}
	return &tryError{err}
}

type tryError struct{ error }

func (e *tryError) Unwrap() error { return e.error }
func (e *tryError) Do() string    { return storeAdvice(e.error) }

// trial asks an archiver's store whether it would take an object: long before a cut needs that, and
// again when none has been put for long. One goroutine asks, between start and end.
type trial struct {
	store   Store
	failing fault.FailureLog
	cancel  context.CancelFunc
	ended   chan struct{}
	placed  chan struct{} // closed once path is known

	mu    sync.Mutex
	path  string    // of an object to come
	put   time.Time // when one was put last
	wrong bool      // one was put although the store had said that it would not take it
}

func newTrial(store Store, env Env) *trial {
	return &trial{
		store:   store,
		failing: fault.FailureLog{Log: env.Log, What: "the object store"},
		placed:  make(chan struct{}),
	}
}

func (t *trial) start() {
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel, t.ended = cancel, make(chan struct{})
	go func() {
		defer close(t.ended)
		t.run(ctx)
	}()
}

func (t *trial) end() {
	t.cancel()
	<-t.ended
}

// run asks until ctx ends, or what the store says is of no use.
func (t *trial) run(ctx context.Context) {
	placed := t.placed
	back := fault.Backoff{Min: 2 * time.Second, Max: 30 * time.Second, Half: true}
	for {
		wait := fault.Spread(TryEvery)
		if path, due := t.due(wait); due {
			began := time.Now()
			err := TryUnder(ctx, t.store, path)
			switch {
			case ctx.Err() != nil || errors.Is(err, ErrUntold):
				return
			case err == nil, errors.Is(err, ErrDenied) && placed != nil:
				back.Failures = 0 // where objects go, it may be allowed what is denied here
				t.failing.Worked()
			default:
				wait = back.Next()
				t.failed(began, err)
			}
		}
		if t.isWrong() {
			return
		}
		select {
		case <-time.After(wait):
		case <-placed:
			placed = nil
		case <-ctx.Done():
			return
		}
	}
}

// due returns the path that is to be asked for, and whether nothing has been put for a while.
func (t *trial) due(every time.Duration) (path string, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.path, time.Since(t.put) >= every
}

func (t *trial) failed(began time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.put.After(began) {
		t.wrong = true
		return
	}
	t.failing.Failed(err)
}

func (t *trial) isWrong() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrong
}

// took notes that the store has taken an object.
func (t *trial) took() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put = time.Now()
	if since, _, _ := t.failing.State(); !since.IsZero() {
		t.wrong = true
		t.failing.Worked()
	}
}

// place notes the path of an object to come, if it is the first.
func (t *trial) place(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.placed:
	default:
		t.path = path
		close(t.placed)
	}
}

// StoreFailing tells since when the store would take no object, why, and what a person can do about
// it; since is zero if it would, or does not tell. Safe for concurrent use.
func (a *Archiver) StoreFailing() (since time.Time, why, do string) {
	return a.trial.failing.State()
}
