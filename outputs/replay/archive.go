package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
)

// replayOwn keeps what a replay puts among an archive's dead letters apart from topics.
const replayOwn = ".penstock/"

// FromArchive replays the dead letters that an archive keeps among its objects, whose keys begin
// with prefix. Those of topics go to the topic they came from. What was replayed is moved aside,
// since the archive would lack a part of a cut without it. It can be stopped and started again;
// what was cut short is repeated by at most one object. Two replays exclude each other.
func FromArchive(
	ctx context.Context, store spool.Store, prefix string, opts Options,
) (Summary, error) {
	var sum Summary
	base := prefix[:strings.LastIndexByte(prefix, '/')+1]
	last := ""
	left := map[string]bool{} // objects that are no dead letters
	waits := func(key string) bool {
		return strings.HasPrefix(key, prefix) && !strings.HasPrefix(key, base+replayOwn) &&
			!left[key]
	}
	for o, err := range store.List(ctx, prefix) {
		if err != nil {
			return sum, fmt.Errorf("list %s: %w", prefix, err)
		}
		if waits(o.Key) {
			sum.Objects++
			sum.Bytes += o.Size
			last = o.Key
		}
	}
	if opts.DryRun || last == "" {
		return sum, nil
	}
	opts.Progress.begin(sum.Objects, sum.Bytes, 0)
	sum = Summary{}
	opts.Keep = true
	p := opts.replayer(store, base, &sum)
	p.Transactor = nil
	p.Skip = func(key string) bool { return key > last }
	p.OtherObjects = overflow.OtherObjects{OwnDir: replayOwn, IsWaiting: waits}
	p.ReplayObject = func(ctx context.Context, o spool.Object) error {
		err := replayLetters(ctx, p, o)
		if errors.Is(err, errNoDeadRecord) {
			left[o.Key] = true
			sum.Skipped = append(sum.Skipped, fmt.Sprintf("%s: %v", o.Key, err))
			return nil
		}
		return err
	}
	err := opts.run(ctx, p, &sum)
	return sum, err
}

// errNoDeadRecord is said of an object that is not what it was taken for, and is left alone.
var errNoDeadRecord = errors.New("this is no dead letter of an archive")

// replayLetters replays an object of dead letters and removes it.
func replayLetters(ctx context.Context, p *overflow.Replayer, o spool.Object) error {
	var done int64
	var damage error
	gone, foreign := false, false
	err := p.Persist(ctx, "read "+o.Key, func() error {
		r, got, err := p.Store.Get(ctx, o.Key)
		if errors.Is(err, spool.ErrNotFound) {
			gone = true
			return nil
		}
		if err != nil {
			return err
		}
		body := overflow.NewCountingBody(r, o.Size)
		defer body.Close()
		if got.Size != o.Size {
			return fmt.Errorf("%w: %d bytes, and %d", overflow.ErrOtherObject, o.Size, got.Size)
		}
		l := deadBatch{send: p.Send, health: p.Health}
		lines, stored := int64(0), overflow.InventoryOf(got)
		err = format.ReadLines(body, "ndjson", func(e *format.Entry) error {
			lines++
			switch ok := e.Located && e.Reason != ""; {
			case !ok && lines == 1:
				return errNoDeadRecord
			case !ok:
				return fmt.Errorf("line %d cannot be read", lines)
			case lines <= done:
				return nil
			}
			return l.add(ctx, e)
		})
		if ferr := l.flush(ctx); ferr != nil {
			return ferr
		}
		done += l.delivered
		if errors.Is(err, errNoDeadRecord) || lines == 0 && ctx.Err() == nil && body.Err == nil {
			foreign = true
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if body.Err != nil {
			return body.Err
		}
		if err == nil && stored.Lines >= 0 && stored.Lines != lines {
			err = fmt.Errorf("%d lines were read, %d were stored", lines, stored.Lines)
		}
		if err == nil && (body.N != o.Size || done != lines) {
			return fmt.Errorf(
				"%d of %d bytes were read, %d of %d lines acknowledged", body.N, o.Size, done,
				lines,
			)
		}
		damage = err
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case gone:
		return nil
	case foreign:
		return errNoDeadRecord
	}
	return p.Remove(ctx, o, done, damage)
}

// deadBatch delivers entries of one topic together.
type deadBatch struct {
	send      *deliver.Sender
	health    *deliver.Health
	delivered int64

	tag, origin, topic string
	recs               []record.Record
	size               int
}

func (l *deadBatch) add(ctx context.Context, e *format.Entry) error {
	tag, origin := e.Tag, cmp.Or(e.Origin, "penstock replay")
	if e.Topic != "" {
		origin = fmt.Sprintf("%s/%d", e.Topic, e.Partition)
		tag = e.Topic
	}
	if len(l.recs) > 0 &&
		(tag != l.tag || origin != l.origin || e.Topic != l.topic || l.size >= record.TargetSize) {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.tag, l.origin, l.topic = tag, origin, e.Topic
	l.recs = append(l.recs, e.Record)
	l.size += len(e.Key) + len(e.Value) + 64
	return nil
}

func (l *deadBatch) flush(ctx context.Context) error {
	if len(l.recs) == 0 {
		return nil
	}
	b := record.FromRecords(l.tag, l.origin, slices.Clone(l.recs))
	b.Topic = l.topic
	if _, err := l.send.Deliver(ctx, b, l.health); err != nil {
		return err
	}
	l.delivered += int64(len(l.recs))
	l.recs, l.size = l.recs[:0], 0
	return nil
}
