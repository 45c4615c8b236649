package deliver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
)

// commitEvery is how often the position in a partition of a topic is committed at most while it is
// being drained, for its brokers' sake. A buffer paces commits itself: there each is made as soon
// as the one before is durable, since what was delivered and is not committed is what a crash
// repeats.
const commitEvery = 250 * time.Millisecond

// Ledger commits to one log. It alone calls Commit, one commit at a time. Safe for concurrent use.
type Ledger struct {
	log     record.Log
	retry   outputs.Retry
	failing fault.FailureLog

	turn chan struct{} // holds a token while somebody commits
	// tried, outcome unknown: nothing else may be committed before it is known to be
	unsure *commit

	stateMu         sync.Mutex
	pos             int64 // as of the last commit that is known to be durable
	note            string
	storesInPassing bool // the log stores positions in passing, too
}

func NewLedger(log record.Log, wait outputs.Retry, env outputs.Env) *Ledger {
	l := &Ledger{log: log, retry: wait, turn: make(chan struct{}, 1), failing: fault.FailureLog{
		Log:  env.Log.With("log", log.Name()),
		What: "committing the position",
		Do:   "check the disk of the data directory, or the brokers that hold the consumer group",
	}}
	l.pos, l.note = log.Committed()
	return l
}

func (l *Ledger) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Ledger) unlock() { <-l.turn }

type commit struct {
	pos  int64
	note string
}

// Advance stores pos with the note that is there.
func (l *Ledger) Advance(ctx context.Context, pos int64) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if err := l.resolvePending(ctx); err != nil {
		return err
	}
	was, note := l.State()
	if pos <= was {
		return nil
	}
	return l.store(ctx, pos, note)
}

// Change stores the later of pos and the committed position together with what change makes of the
// note, unless that is as it was.
func (l *Ledger) Change(ctx context.Context, pos int64, change func(note string) string) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if err := l.resolvePending(ctx); err != nil {
		return err
	}
	was, old := l.State()
	note := change(old)
	if note == old && pos <= was {
		return nil
	}
	return l.store(ctx, max(pos, was), note)
}

// resolvePending makes a commit of unknown outcome known, by doing it again.
func (l *Ledger) resolvePending(ctx context.Context) error {
	if l.unsure == nil {
		return nil
	}
	return l.store(ctx, l.unsure.pos, l.unsure.note)
}

// store tries until pos and note are known to be durable. It returns ctx's error or one wrapping
// record.ErrFenced.
func (l *Ledger) store(ctx context.Context, pos int64, note string) error {
	back := l.retry.Backoff()
	for {
		err := l.log.Commit(ctx, pos, note)
		switch {
		case err == nil:
			l.stateMu.Lock()
			l.pos, l.note = pos, note
			l.stateMu.Unlock()
			l.unsure = nil
			l.failing.Worked()
			return nil
		case errors.Is(err, record.ErrFenced):
			return err
		}
		l.unsure = &commit{pos, note}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.failing.Failed(err)
		if err := back.Wait(ctx); err != nil {
			return err
		}
	}
}

// Fails reports whether commits have failed for a while.
func (l *Ledger) Fails() bool {
	since, _, _ := l.failing.State()
	return !since.IsZero() && time.Since(since) >= silence
}

// pass has the log store pos in passing, if it can. It does not wait.
func (l *Ledger) pass(pos int64) bool {
	a, ok := record.As[record.Advancer](l.log)
	if !ok || !a.Advance(pos) {
		return false
	}
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	l.storesInPassing = true
	return true
}

// State returns what is known to be committed. It does not wait for a commit that is under way.
func (l *Ledger) State() (pos int64, note string) {
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	if l.storesInPassing {
		if pos, note := l.log.Committed(); note == l.note {
			l.pos = max(l.pos, pos)
		}
	}
	return l.pos, l.note
}

// Follow runs fly, and commits in the background how far it says that it has come. It does so as it
// goes, and at its end, for what was delivered until then would be delivered again after a restart.
// fly's context ends when the log is lost, of which the error tells then.
func (l *Ledger) Follow(
	ctx context.Context, fly func(ctx context.Context, reached func(pos int64)) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newCommitter(l)
	committed := make(chan struct{})
	cctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(committed)
		if err := c.run(cctx); cctx.Err() == nil {
			cancel(err) // the log is lost
		}
	}()
	err := fly(ctx, c.reached)
	stop()
	<-committed
	if cause := context.Cause(ctx); cause != nil && cause != ctx.Err() {
		return cause
	}
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancelLast()
	defer context.AfterFunc(ctx, func() {
		if l.Fails() {
			time.AfterFunc(Brief, cancelLast)
		}
	})()
	if ferr := c.flush(last); ferr != nil && ctx.Err() == nil {
		return ferr
	}
	return err
}

// committer commits a growing position in the background, coalescing.
type committer struct {
	ledger *Ledger
	every  time.Duration
	mu     sync.Mutex
	pos    int64
	wake   chan struct{}
}

func newCommitter(l *Ledger) *committer {
	c := &committer{ledger: l, wake: make(chan struct{}, 1)}
	if _, ok := record.As[record.Partitioned](l.log); ok {
		c.every = commitEvery
	}
	return c
}

// reached notes that everything before pos is delivered. It does not block.
func (c *committer) reached(pos int64) {
	c.mu.Lock()
	c.pos = max(c.pos, pos)
	c.mu.Unlock()
	if c.ledger.pass(pos) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run commits until ctx ends or the log is lost; flush commits the rest.
func (c *committer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
		if err := fault.Sleep(ctx, c.every); err != nil {
			return err
		}
	}
}

func (c *committer) flush(ctx context.Context) error {
	c.mu.Lock()
	pos := c.pos
	c.mu.Unlock()
	return c.ledger.Advance(ctx, pos)
}
