package drain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/overflow"
)

// txnLog drains one log exactly once.
//
// What is committed where: each transaction holds the log's position, under the log's identity
// (note.Log). The log's own cursor follows after. So the destination's position is the later one of
// the two after a crash, and the log's own is where records went to the overflow meanwhile.
type txnLog struct {
	*deliver.TxnDelivery
	r    *drain
	slog *slog.Logger

	mu       sync.Mutex // one resolves at a time
	resolved bool       // a record.Preparer has been told what is committed
}

// sessionName returns the transactional id, and group, of an output's log. Every log has its own.
func sessionName(agent, log string) string { return "penstock." + agent + "." + log }

func newTxnLog(r *drain) (*txnLog, error) {
	if _, ok := record.As[record.Partitioned](r.log); ok {
		return nil, errors.New(
			`delivery = "exactly_once" needs a buffer between input and output: a log that is a partition of a topic cannot be its source`,
		)
	}
	name := sessionName(r.out.to.Env.Agent, r.log.Name())
	s, err := r.out.to.Transactor.Session(name)
	if err != nil {
		return nil, err
	}
	if p, ok := s.(outputs.Progresser); ok {
		p.OnProgress(r.health.NoteProgress)
	}
	x := &txnLog{r: r, slog: r.out.to.Env.Log.With("log", r.log.Name(), "transactional_id", name)}
	x.TxnDelivery = &deliver.TxnDelivery{
		Session:         s,
		Send:            r.out.to.Send,
		Pace:            r.out.to.Pace,
		Health:          &r.health,
		OnStraggler:     r.AddStraggler,
		AwaitStragglers: r.AwaitStragglers,
	}
	return x, nil
}

// run delivers the log until it ends, quit is closed, or ctx ends, however often transactions
// break.
func (x *txnLog) run(ctx context.Context, quit <-chan struct{}) error {
	back := x.Send.Config.Retry.Backoff()
	for {
		at, err := x.resolve(ctx, quit)
		if err == nil {
			err = x.flyFrom(ctx, at, quit)
			back.Failures = 0
		}
		if !errors.Is(err, deliver.ErrAborted) {
			return err
		}
		if err := back.Wait(ctx); err != nil {
			return err
		}
	}
}

func (x *txnLog) flyFrom(ctx context.Context, at int64, quit <-chan struct{}) error {
	if err := x.r.log.SeekTo(at); err != nil {
		return fmt.Errorf("seek %s to %d: %w", x.r.log.Name(), at, err)
	}
	id := x.note().Log
	return x.r.ledger.Follow(ctx, func(ctx context.Context, reached func(int64)) error {
		e := deliver.TxnFlight{
			Source:   x.r.log,
			From:     at,
			Quit:     quit,
			OnCommit: reached,
			Note:     x.r.note(),
			Position: func(at int64, _ bool) outputs.Position {
				return outputs.Position{At: at, Log: id}
			},
		}
		if p, ok := record.As[record.Preparer](x.r.log); ok {
			e.BeforeCommit = p.Prepare
		}
		return x.Fly(ctx, e)
	})
}

// ResolveOnly resolves what is in doubt, however long that takes.
func (x *txnLog) ResolveOnly(ctx, quit context.Context) error {
	back := x.Send.Config.Retry.Backoff()
	for {
		if _, err := x.resolve(ctx, quit.Done()); !errors.Is(err, deliver.ErrAborted) {
			return err
		}
		if err := back.Wait(quit); err != nil {
			return deliver.ErrQuit
		}
	}
}

func (x *txnLog) note() overflow.Note {
	_, text := x.r.ledger.State()
	n, _ := overflow.ParseNote(text)
	return n
}

// IsDoubtful reports whether it has to be resolved what the destination has, before anything is
// replayed.
func (x *txnLog) IsDoubtful() bool { return x.note().Doubt != nil }

// NoteDoubt notes, before records go elsewhere, that the destination may have some of them.
func (x *txnLog) NoteDoubt(ctx context.Context) error {
	x.ClearStalled()
	if x.AllCommitted.Load() || x.IsDoubtful() {
		return nil
	}
	at, _ := x.r.ledger.State()
	return x.change(ctx, 0, func(n *overflow.Note) {
		if n.Log == "" {
			n.Log = overflow.NewLogID() // the destination holds nothing of it
		}
		n.Doubt, n.DoubtLog = &at, n.Log
	})
}

func (x *txnLog) change(ctx context.Context, pos int64, change func(*overflow.Note)) error {
	return x.r.ledger.Change(ctx, pos, func(text string) string {
		n, _ := overflow.ParseNote(text)
		change(&n)
		return n.String()
	})
}

// IsClean reports whether nothing was started that is not known to be committed.
func (x *txnLog) IsClean() bool { return x.AllCommitted.Load() }

// hasWaiting reports whether the log holds something to deliver.
func (x *txnLog) hasWaiting() bool {
	e, ok := record.As[record.Ender](x.r.log)
	pos, _ := x.r.ledger.State()
	return !ok || e.End() > pos
}

// resolve returns where the log goes on: what the destination has committed, or where the log's own
// cursor is if that is further. Both hold that position when it returns. It fails with
// deliver.ErrAborted when the destination has to be asked again.
func (x *txnLog) resolve(ctx context.Context, quit <-chan struct{}) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	sctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if quit != nil {
		go func() {
			select {
			case <-quit:
				cancel()
			case <-sctx.Done():
			}
		}()
	}
	p, found, err := x.TxnDelivery.Resolve(sctx, x.hasWaiting)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case sctx.Err() != nil:
			return 0, deliver.ErrQuit
		case errors.Is(err, outputs.ErrTaken):
			return 0, err
		}
		x.Send.Failing.Failed(err)
		return 0, deliver.ErrAborted
	}
	at, err := x.laterPosition(ctx, p, found)
	if err != nil {
		return 0, err
	}
	// It holds the position before anything is sent, so that a refusal to store it shows at once,
	// and whoever else uses the transactional id sees who has it.
	if err := x.Session.Commit(ctx, outputs.Position{At: at, Log: x.note().Log}); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if errors.Is(err, outputs.ErrTaken) {
			return 0, err
		}
		x.Send.Failing.Failed(err)
		return 0, deliver.ErrAborted
	}
	if !x.note().Held {
		if err := x.change(ctx, 0, func(n *overflow.Note) { n.Held = true }); err != nil {
			return 0, err
		}
	}
	x.NoteResolved()
	return at, nil
}

// reportLostPosition tells what it means that the destination has lost the position that it held.
// The log's own is gone on from, and of what was being committed when the agent was killed nobody
// knows whether it was.
func (x *txnLog) reportLostPosition(at int64) {
	x.r.out.to.Lost.Inc()
	doubt := at
	if log, ok := record.As[record.Preparer](x.r.log); ok {
		for _, pos := range log.Unresolved() {
			doubt = max(doubt, pos)
		}
	}
	x.slog.Warn(
		"Kafka no longer has the position that was committed for this output: its consumer group was deleted or reset, or has expired while nothing was committed; going on from the one on this disk",
		"group",
		sessionName(x.r.out.to.Env.Agent, x.r.log.Name()),
		"position",
		at,
		"records_prepared_after_it",
		doubt-at,
		"do",
		"nothing if the agent had been stopped in good order; if it was killed, the last transaction before that may be in Kafka twice. "+
			"Raise offsets.retention.minutes above the time that hosts stand still, and let nobody delete or reset the group",
	)
}

// laterPosition compares the destination's position with the log's, and makes the log's cursor hold
// the later one.
func (x *txnLog) laterPosition(ctx context.Context, p outputs.Position, found bool) (int64, error) {
	at, _ := x.r.ledger.State()
	n := x.note()
	id, was := n.Log, at
	ours := found && p.Log != "" && p.Log == id
	if ours {
		at = max(at, p.At)
		x.Settle(p.At)
	}
	if !found && n.Held {
		x.reportLostPosition(at)
	}
	if k, ok := record.As[tally.Keeper](x.r.log); ok && at > was {
		if err := k.Confirm(ctx, at); err != nil {
			return 0, fmt.Errorf("count what Kafka has of %s: %w", x.r.log.Name(), err)
		}
	}
	if log, ok := record.As[record.Preparer](x.r.log); ok && !x.resolved {
		if err := log.Resolve(ctx, at); err != nil {
			return 0, fmt.Errorf("resolve %s at %d: %w", x.r.log.Name(), at, err)
		}
	}
	x.resolved = true
	if e, ok := record.As[record.Ender](x.r.log); ok && at > e.End() {
		x.slog.Error(
			"Kafka has more of this buffer than the buffer itself: the data directory is an older copy. All that it holds is delivered already; what is read from here on may be there too",
			"buffer_ends", e.End(), "committed_in_kafka", at,
			"do", "nothing if that copy was restored on purpose; otherwise see why the disk has lost what was written",
		)
		at, id = e.End(), ""
	}
	if found && !ours && p.Log != "" {
		x.slog.Warn(
			"Kafka holds a position of another buffer under this transactional id, such as one that was lost or deleted; this buffer is delivered from its own position",
			"position", at,
			"do", "nothing if this host's data directory was begun anew; if two agents have the same name, rename one",
		)
	}
	if id == "" {
		id = overflow.NewLogID()
	}
	if at > was {
		x.slog.Info(
			"going on from the position in Kafka, which is ahead of the buffer's", "position", at,
			"buffer", was,
		)
	}
	has := int64(0)
	if ours {
		has = p.At
	}
	forgot := false
	err := x.change(ctx, at, func(n *overflow.Note) {
		forgot = n.ResolveDoubt(has)
		n.Log = id
	})
	if forgot {
		x.slog.Warn(
			"too many outages while objects wait: some records may be replayed that the destination has",
			"do", "see why the overflow is not replayed",
		)
	}
	return at, err
}

// awaitEnd waits for ctx or the log's end, once the output cannot go on because another has its
// transactional id: taking that back would stop the other.
func (x *txnLog) awaitEnd(ctx context.Context, err error) error {
	x.slog.Error(
		"this output has stopped: another agent uses the same transactional id, and goes on where this one was. Nothing is lost or sent twice",
		"error", err,
		"do", "run one of them only: stop the other and restart this one, or, if the data directory was copied, give this agent a name and an empty data_dir of its own",
	)
	x.Send.Failing.Ended(err)
	if e, ok := record.As[record.Ender](x.r.log); ok && x.r.log.SeekTo(e.End()) == nil {
		for {
			if _, err := x.r.log.Next(ctx); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
