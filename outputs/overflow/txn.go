package overflow

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/spool"
)

// txnReplay replays the objects under one base exactly once. Its transactional id is the base's,
// not a log's, so that whoever replays goes on where another stopped. Each transaction holds which
// object it is of, and the line it has come to; an object is removed after the transaction with its
// end.
type txnReplay struct {
	*deliver.TxnDelivery
	p    *Replayer
	at   outputs.Position // as of the last resolving or commit
	live bool             // resolved, and no transaction is broken
	left []chan struct{}
}

// replayName returns the transactional id of what replays the objects under a base, whoever does.
func replayName(base string) string { return "penstock.replay." + base }

func newTxnReplay(p *Replayer) (*txnReplay, error) {
	s, err := p.Transactor.Session(replayName(p.Base))
	if err != nil {
		return nil, err
	}
	if s, ok := s.(outputs.Progresser); ok && p.Health != nil {
		s.OnProgress(p.Health.NoteProgress)
	}
	x := &txnReplay{p: p}
	x.TxnDelivery = &deliver.TxnDelivery{
		Session:         s,
		Send:            p.Send,
		Pace:            p.Pace,
		Health:          p.Health,
		OnStraggler:     func(c chan struct{}) { x.left = append(x.left, c) },
		AwaitStragglers: x.awaitStragglers,
	}
	return x, nil
}

func (x *txnReplay) awaitStragglers(ctx context.Context) error {
	for len(x.left) > 0 {
		select {
		case <-x.left[0]:
			x.left = x.left[1:]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (x *txnReplay) close() {
	x.ClearStalled()
	_ = x.Session.Close() // gives back what is not committed
	_ = x.awaitStragglers(context.Background())
	if x.at.Object != "" {
		ctx, cancel := context.WithTimeout(context.Background(), deliver.Grace)
		defer cancel()
		x.remember(ctx)
	}
}

// remember keeps how far the replay has come where it is found should the destination forget it.
func (x *txnReplay) remember(ctx context.Context) {
	if x.p.onReplayed != nil {
		x.p.onReplayed(ctx, replayed{Object: x.at.Object, Digest: x.at.Digest, At: x.at.At})
	}
}

// goOnAfterLoss goes on from what is known here, if the destination has forgotten what it
// held.
func (x *txnReplay) goOnAfterLoss() {
	known := x.at.Object != ""
	if !known && x.p.note != nil {
		if r := x.p.note().Replay; r != nil {
			x.at, known = outputs.Position{At: r.At, Object: r.Object, Digest: r.Digest}, true
		}
	}
	if !known {
		return // nothing has been replayed yet, or nobody knows
	}
	x.p.Lost.Inc()
	x.p.Log.Warn(
		"Kafka no longer has the position of the replay: its consumer group was deleted or reset, or has expired while nothing was committed; going on from what is known here",
		"group",
		replayName(x.p.Base),
		"object",
		x.at.Object,
		"line",
		x.at.At,
		"do",
		"nothing if the agent had been stopped in good order; if it was killed, the part of one object that it had replayed is sent again. "+
			"Raise offsets.retention.minutes above the time that hosts stand still, and let nobody delete or reset the group",
	)
}

// ready resolves what is open or in doubt.
func (x *txnReplay) ready(ctx context.Context) error {
	if x.live {
		return nil
	}
	return fault.Persist(ctx, x.Send.Config.Retry.Backoff(), func() error {
		p, found, err := x.Resolve(ctx, func() bool { return true })
		if err != nil {
			return err
		}
		if found {
			x.at = p
		} else {
			x.goOnAfterLoss()
		}
		// A refusal of the position shows before anything is sent, and others see whose it is.
		if err := x.Session.Commit(ctx, x.at); err != nil {
			return err
		}
		x.live = true
		x.remember(ctx)
		x.NoteResolved()
		return nil
	}, func(err error) error {
		if errors.Is(err, outputs.ErrTaken) {
			return err
		}
		x.Send.Failing.Failed(err)
		return nil
	})
}

// object replays one object and removes it.
func (x *txnReplay) object(ctx context.Context, o spool.Object) error {
	digest, err := objectDigest(ctx, x.p.Store, o)
	if errors.Is(err, spool.ErrNotFound) {
		return nil // replayed by somebody else
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	back := x.Send.Config.Retry.Backoff()
	x.Forget() // it is of another object
	for {
		if err := x.ready(ctx); err != nil {
			return err
		}
		start := int64(0)
		if x.at.Object == o.Key && x.at.Digest == digest {
			x.Settle(x.at.At)
			if x.at.Ended {
				var damage error
				if x.at.Damaged {
					damage = errors.New("some of it could not be read")
				}
				return x.p.finishAgain(ctx, o, damage)
			}
			start = x.at.At
		}
		src := x.p.source(o, start)
		err := x.Fly(ctx, deliver.TxnFlight{
			Source: src,
			From:   start,
			Position: func(at int64, ended bool) outputs.Position {
				return outputs.Position{
					At:      at,
					Object:  o.Key,
					Digest:  digest,
					Ended:   ended && src.ended,
					Damaged: ended && src.damage() != nil,
				}
			},
			OnCommit: func(at int64) {
				x.at = outputs.Position{At: at, Object: o.Key, Digest: digest}
			},
		})
		gone, damage := src.gone, src.damage()
		unfinished := src.delivered(src.handed)
		if acked, handed := x.at.At, max(src.at, start); unfinished == nil && acked != handed {
			unfinished = fmt.Errorf("%s is acknowledged up to line %d of %d", o.Key, acked, handed)
		}
		origins := src.origins()
		src.body.close()
		if x.p.m != nil {
			x.p.m.replayedRecords.Add(float64(max(x.at.At-start, 0)))
		}
		switch {
		case errors.Is(err, io.EOF) && gone:
			return nil
		case errors.Is(err, io.EOF) && unfinished != nil:
			x.live = false
			return unfinished
		case errors.Is(err, io.EOF):
			return x.p.finish(ctx, o, origins, x.at.At-start, damage)
		}
		x.live = false
		if !errors.Is(err, deliver.ErrAborted) {
			return err
		}
		if err := back.Wait(ctx); err != nil {
			return err
		}
	}
}
