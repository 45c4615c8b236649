package outputs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// commitEvery is how often the position in a partition of a topic is committed at most while it is being drained, for its brokers' sake. A
// buffer paces commits itself: there each is made as soon as the one before is durable, since what was delivered and is not committed is
// what a crash repeats.
const commitEvery = 250 * time.Millisecond

// ledger commits to one log. It alone calls Commit, one commit at a time. Safe for concurrent use.
type ledger struct {
	log   record.Log
	retry Retry
	ill   trouble

	turn   chan struct{} // holds a token while somebody commits
	unsure *commit       // tried, outcome unknown: nothing else may be committed before it is known to be

	stateMu sync.Mutex
	pos     int64 // as of the last commit that is known to be durable
	note    string
}

func newLedger(log record.Log, wait Retry, env Env) *ledger {
	l := &ledger{log: log, retry: wait, turn: make(chan struct{}, 1), ill: trouble{
		log: env.Log.With("log", log.Name()), what: "committing the position", do: "check the disk of the data directory, or the brokers that hold the consumer group",
	}}
	l.pos, l.note = log.Committed()
	return l
}

func (l *ledger) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *ledger) unlock() { <-l.turn }

type commit struct {
	pos  int64
	note string
}

// advance stores pos with the note that is there.
func (l *ledger) advance(ctx context.Context, pos int64) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if err := l.settle(ctx); err != nil {
		return err
	}
	was, note := l.state()
	if pos <= was {
		return nil
	}
	return l.store(ctx, pos, note)
}

// change stores the later of pos and the committed position together with what change makes of the note, unless that is as it was.
func (l *ledger) change(ctx context.Context, pos int64, change func(note string) string) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if err := l.settle(ctx); err != nil {
		return err
	}
	was, old := l.state()
	note := change(old)
	if note == old && pos <= was {
		return nil
	}
	return l.store(ctx, max(pos, was), note)
}

// settle makes a commit of unknown outcome known, by doing it again.
func (l *ledger) settle(ctx context.Context) error {
	if l.unsure == nil {
		return nil
	}
	return l.store(ctx, l.unsure.pos, l.unsure.note)
}

// store tries until pos and note are known to be durable. It returns ctx's error or one wrapping record.ErrFenced.
func (l *ledger) store(ctx context.Context, pos int64, note string) error {
	back := backoff{Retry: l.retry}
	for {
		err := l.log.Commit(ctx, pos, note)
		switch {
		case err == nil:
			l.stateMu.Lock()
			l.pos, l.note = pos, note
			l.stateMu.Unlock()
			l.unsure = nil
			l.ill.worked()
			return nil
		case errors.Is(err, record.ErrFenced):
			return err
		}
		l.unsure = &commit{pos, note}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.ill.failed(err)
		if err := back.wait(ctx); err != nil {
			return err
		}
	}
}

// state returns what is known to be committed. It does not wait for a commit that is under way.
func (l *ledger) state() (pos int64, note string) {
	l.stateMu.Lock()
	defer l.stateMu.Unlock()
	return l.pos, l.note
}

// committer commits a growing position in the background, coalescing.
type committer struct {
	ledger *ledger
	every  time.Duration
	mu     sync.Mutex
	pos    int64
	wake   chan struct{}
}

func newCommitter(l *ledger) *committer {
	c := &committer{ledger: l, wake: make(chan struct{}, 1)}
	if _, ok := l.log.(record.Partitioned); ok {
		c.every = commitEvery
	}
	return c
}

// reached notes that everything before pos is delivered. It does not block.
func (c *committer) reached(pos int64) {
	c.mu.Lock()
	c.pos = max(c.pos, pos)
	c.mu.Unlock()
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
		if err := sleep(ctx, c.every); err != nil {
			return err
		}
	}
}

func (c *committer) flush(ctx context.Context) error {
	c.mu.Lock()
	pos := c.pos
	c.mu.Unlock()
	return c.ledger.advance(ctx, pos)
}
