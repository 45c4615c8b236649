package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/prometheus/client_golang/prometheus"
)

// restart is how the agent waits before it starts a failed component again.
type restart struct {
	min, max time.Duration
	steady   time.Duration // a component that ran for so long begins again at min
	logEvery time.Duration // the same error is logged once in so long
}

var defaultRestart = restart{
	min:      time.Second,
	max:      time.Minute,
	steady:   time.Minute,
	logEvery: 5 * time.Minute,
}

// State is what a component is doing.
type State string

const (
	Running  State = "running"
	Waiting  State = "waiting"  // failed, and about to be started again
	Finished State = "finished" // came to its natural end
	Stopped  State = "stopped"
)

// supervised is one supervised component of a pipeline: an input, or an output with its cursor.
type supervised struct {
	id          string
	fingerprint string
	log         *slog.Logger
	restarts    prometheus.Counter
	finished    func() // told once the state is Finished; may be nil

	stop    context.CancelFunc
	replace context.CancelFunc // stop, with the cause record.ErrReplaced
	done    chan struct{}

	mu    sync.Mutex
	state State
	err   string // of the last failure
	do    string // about it
	since time.Time
}

// start runs f, again and again while it fails, until stop is called or f returns nil. It begins
// once after is closed, if that is not nil.
func (u *supervised) start(r restart, after <-chan struct{}, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	u.stop, u.replace = func() { cancel(nil) }, func() { cancel(record.ErrReplaced) }
	u.done = make(chan struct{})
	u.set(Running)
	go func() {
		defer close(u.done)
		defer cancel(nil)
		if after != nil {
			select {
			case <-after:
			case <-ctx.Done():
				// The predecessor still has to be waited for: who waits for this unit waits for
				// both.
				<-after
			}
		}
		u.loop(ctx, r, f)
	}()
}

func (u *supervised) loop(ctx context.Context, r restart, f func(ctx context.Context) error) {
	wait := r.min
	var logged, failing time.Time
	var last string
	for ctx.Err() == nil {
		u.set(Running)
		began := time.Now()
		err := f(ctx)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				u.log.Warn("component stopped with an error", "error", err)
			}
			break
		}
		if err == nil {
			u.set(Finished)
			if u.finished != nil {
				u.finished()
			}
			return
		}
		if time.Since(began) >= r.steady {
			wait, failing = r.min, time.Time{}
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		pause := wait/2 + rand.N(wait/2+1)
		wait = min(wait*2, r.max)
		u.fails(failing, err)
		u.restarts.Inc()
		if err.Error() != last || time.Since(logged) >= r.logEvery {
			u.log.Error(
				"component failed; it is started again until it works", "error", err,
				"in", pause.Round(time.Millisecond).String(), "do", adviceOnFailure(err),
			)
			logged, last = time.Now(), err.Error()
		}
		_ = fault.Sleep(ctx, pause)
	}
	u.set(Stopped)
}

// fails has the unit wait for another try. It fails since the first of all failures in a row.
func (u *supervised) fails(since time.Time, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state, u.since, u.err, u.do = Waiting, since, err.Error(), adviceOnFailure(err)
}

func (u *supervised) set(s State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != s {
		u.since = time.Now()
	}
	u.state = s
}

// advice says what to do about the last failure.
func (u *supervised) advice() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.do
}

func (u *supervised) status() (state State, since time.Time, err string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state, u.since, u.err
}

// waitAll waits until all channels are closed, and reports whether that was before ctx ended.
func waitAll(ctx context.Context, done ...<-chan struct{}) bool {
	for _, d := range done {
		select {
		case <-d:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// adviceOnFailure says what to do about what makes a component fail.
func adviceOnFailure(err error) string {
	op, isNetwork := errors.AsType[*net.OpError](err)
	switch {
	case isNetwork && op.Op == "listen":
		return listenAdvice(err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "let this user do that, or see what forbids it"
	case errors.Is(err, syscall.EMFILE):
		return "raise the limit of open files (LimitNOFILE, ulimit -n)"
	}
	return "mend what it says"
}
