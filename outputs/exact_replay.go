package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/penstock/penstock/spool"
)

// exactReplay replays the objects under one base exactly once. Its transactional id is the base's, not a log's, so that whoever replays goes on where
// another stopped. Each transaction holds which object it is of, and the line it has come to; an object is removed after the transaction with its end.
type exactReplay struct {
	*exactly
	p    *replayer
	at   Position // as of the last settling or commit
	live bool     // settled, and no transaction is broken
	left []chan struct{}
}

// replayName returns the transactional id of what replays the objects under a base, whoever does.
func replayName(base string) string { return "penstock.replay." + base }

func newExactReplay(p *replayer) (*exactReplay, error) {
	s, err := p.transactor.Session(replayName(p.base))
	if err != nil {
		return nil, err
	}
	x := &exactReplay{p: p}
	x.exactly = &exactly{
		session: s, send: p.send, every: p.every, health: p.health,
		stray: func(c chan struct{}) { x.left = append(x.left, c) }, strays: x.awaitStrays,
	}
	return x, nil
}

func (x *exactReplay) awaitStrays(ctx context.Context) error {
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

func (x *exactReplay) close() {
	x.release()
	_ = x.session.Close() // gives back what is not committed
	_ = x.awaitStrays(context.Background())
	if x.at.Object != "" {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		x.remember(ctx)
	}
}

// remember keeps how far the replay has come where it is found should the destination forget it.
func (x *exactReplay) remember(ctx context.Context) {
	if x.p.remember != nil {
		x.p.remember(ctx, replayed{Object: x.at.Object, Digest: x.at.Digest, At: x.at.At})
	}
}

// missed goes on from what is known here, if the destination has forgotten what it held.
func (x *exactReplay) missed() {
	known := x.at.Object != ""
	if !known && x.p.note != nil {
		if r := x.p.note().Replay; r != nil {
			x.at, known = Position{At: r.At, Object: r.Object, Digest: r.Digest}, true
		}
	}
	if !known {
		return // nothing has been replayed yet, or nobody knows
	}
	x.p.lost.Inc()
	x.p.log.Warn("Kafka no longer has the position of the replay: its consumer group was deleted or reset, or has expired while nothing was committed; going on from what is known here",
		"group", replayName(x.p.base), "object", x.at.Object, "line", x.at.At,
		"do", "nothing if the agent had been stopped in good order; if it was killed, the part of one object that it had replayed is sent again. "+
			"Raise offsets.retention.minutes above the time that hosts stand still, and let nobody delete or reset the group")
}

// ready settles what is open or in doubt.
func (x *exactReplay) ready(ctx context.Context) error {
	if x.live {
		return nil
	}
	back := backoff{Retry: x.send.cfg.Retry}
	for {
		p, found, err := x.settle(ctx, func() bool { return true })
		if err == nil {
			if found {
				x.at = p
			} else {
				x.missed()
			}
			// See exactLog.settle.
			if err = x.session.Commit(ctx, x.at); err == nil {
				x.live = true
				x.remember(ctx)
				x.settled()
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrTaken):
			return err
		}
		x.send.ill.failed(err)
		if err := back.wait(ctx); err != nil {
			return err
		}
	}
}

// object replays one object and removes it.
func (x *exactReplay) object(ctx context.Context, o spool.Object) error {
	digest, err := objectDigest(ctx, x.p.store, o)
	if errors.Is(err, spool.ErrNotFound) {
		return nil // replayed by somebody else
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	back := backoff{Retry: x.send.cfg.Retry}
	for {
		if err := x.ready(ctx); err != nil {
			return err
		}
		start := int64(0)
		if x.at.Object == o.Key && x.at.Digest == digest {
			if x.at.Ended {
				var damage error
				if x.at.Damaged {
					damage = errors.New("some of it could not be read")
				}
				return x.p.remove(ctx, o, 0, damage)
			}
			start = x.at.At
		}
		src := x.p.source(o, start)
		err := x.fly(ctx, exactFlight{
			src: src, from: start,
			position: func(at int64, ended bool) Position {
				return Position{At: at, Object: o.Key, Digest: digest, Ended: ended && src.ended, Damaged: ended && src.damage() != nil}
			},
			done: func(at int64) { x.at = Position{At: at, Object: o.Key, Digest: digest} },
		})
		gone, damage := src.gone, src.damage()
		unfinished := src.delivered(src.handed)
		if acked, handed := x.at.At, max(src.at, start); unfinished == nil && acked != handed {
			unfinished = fmt.Errorf("%s is acknowledged up to line %d of %d", o.Key, acked, handed)
		}
		src.close()
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
			return x.p.remove(ctx, o, x.at.At-start, damage)
		}
		x.live = false
		if !errors.Is(err, errAborted) {
			return err
		}
		if err := back.wait(ctx); err != nil {
			return err
		}
	}
}
