package tail

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// agent is a tail that is driven by hand: the manager and one worker take a step when they are told
// to, by a clock that the test sets. So a history takes no longer than its system calls, and runs
// again in the same way.
type agent struct {
	*Tail
	sink   *handSink
	m      *manager // nil while it is down
	cancel context.CancelCauseFunc
	ctx    context.Context
	worker func() (bool, bool) // takes a step, and tells whether there was one to take
	stop   func()
	err    error // of the worker
}

func newAgent(cfg Config, dir string, sys system, sink *handSink, block int) (*agent, error) {
	env := inputstest.Env("input.tail.app", dir)
	if os.Getenv("PENSTOCK_LOG") != "" {
		env.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	t, err := New(cfg, env)
	if err != nil {
		return nil, err
	}
	t.sys, t.block = sys, block
	return &agent{Tail: t, sink: sink}, nil
}

func (a *agent) start() error {
	ctx, cancel := context.WithCancelCause(context.Background())
	r := a.newRun(a.sink, cancel)
	a.run.Store(r)
	a.ctx, a.cancel, a.err = ctx, cancel, nil
	a.m = newManager(r)
	w := newWorker(r)
	a.worker, a.stop = iter.Pull(func(yield func(bool) bool) {
		a.sink.yield = yield
		for {
			r.queue.mu.Lock()
			idle := len(r.queue.jobs) == 0 && r.queue.first == nil
			r.queue.mu.Unlock()
			if idle {
				if !yield(false) {
					return
				}
				continue
			}
			t, _ := r.queue.next()
			a.sink.working = true
			if t.job != nil {
				a.err = t.job(ctx)
			} else {
				a.err = w.turn(ctx, t)
			}
			a.sink.working = false
			if a.err != nil || !yield(true) {
				return
			}
		}
	})
	return a.m.restore(ctx)
}

// work lets the worker take a step, and reports whether there was one.
func (a *agent) work() bool {
	did, ok := a.worker()
	return ok && did
}

// results lets the manager deal with how turns ended.
func (a *agent) results() bool {
	any := false
	for {
		select {
		case res := <-a.m.run.results:
			a.m.step(func() { a.m.result(res) })
			any = true
		default:
			return any
		}
	}
}

func (a *agent) sweep() { a.m.step(func() { a.m.sweep(a.sys.now()) }) }

func (a *agent) notify(c changes) { a.m.step(func() { a.m.changed(c) }) }

// halt ends the run: what is not durable is forgotten.
func (a *agent) halt() {
	a.cancel(errStopped)
	a.sink.down = true
	a.stop()
	a.m.close()
	a.m.run.queue.close()
	a.sink.crash()
	a.sink.down = false
	a.m = nil
	a.Tail.run.Store(nil)
}

// handSink is a sink in memory for an agent that is driven by hand. What is appended becomes
// durable with sync, and each durable record is given to record.
type handSink struct {
	record    func(origin string, n int, value string)
	yield     func(bool) bool
	working   bool // a worker appends, and may be stalled
	stalled   bool
	held      bool // nothing becomes durable by itself
	down      bool
	pending   []handEntry
	positions map[string][]byte
}

type handEntry struct {
	origin    string
	values    []string
	positions []inputs.Position
	done      func(error)
}

var errDown = errors.New("the agent was killed")

func (s *handSink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	for s.working && (s.stalled || s.down) {
		if s.down || !s.yield(false) {
			return errDown
		}
	}
	e := handEntry{positions: positions, done: done}
	if b != nil {
		records, err := b.Records()
		if err != nil {
			return err
		}
		e.origin = b.Origin
		for r := range records {
			e.values = append(e.values, string(r.Value))
		}
	}
	s.pending = append(s.pending, e)
	if !s.held {
		s.sync(len(s.pending))
	}
	return nil
}

func (s *handSink) Positions() map[string][]byte { return maps.Clone(s.positions) }

// sync makes the n oldest appends durable.
func (s *handSink) sync(n int) {
	n = min(n, len(s.pending))
	for _, e := range s.pending[:n] {
		for _, v := range e.values {
			number, err := strconv.Atoi(v[:strings.IndexByte(v+" ", ' ')])
			if err != nil {
				number = -1
			}
			s.record(e.origin, number, v)
		}
		for _, p := range e.positions {
			if p.Value == nil {
				delete(s.positions, p.Key)
			} else {
				s.positions[p.Key] = p.Value
			}
		}
		e.done(nil)
	}
	s.pending = append(s.pending[:0], s.pending[n:]...)
}

func (s *handSink) crash() {
	for _, e := range s.pending {
		e.done(errDown)
	}
	s.pending = nil
}

// stored returns the durable positions by file.
func (s *handSink) stored() map[ident][]*position {
	out := map[ident][]*position{}
	for key, v := range s.positions {
		if key == startedKey {
			continue
		}
		p := &position{key: key}
		if json.Unmarshal(v, p) == nil {
			out[p.id()] = append(out[p.id()], p)
		}
	}
	return out
}

// handClock is the time of a history. It never stands still.
type handClock struct {
	at     int64
	onLook func() // called whenever the agent looks at the clock; may be nil
}

func (c *handClock) now() time.Time {
	c.at += int64(time.Microsecond)
	if c.onLook != nil {
		c.onLook()
	}
	return time.Unix(0, c.at)
}
