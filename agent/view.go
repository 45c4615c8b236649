package agent

import (
	"context"
	"errors"
	"io"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

const (
	// skipTime and skipBytes bound what a view passes over before it tells its reader, who can then
	// commit.
	skipTime  = time.Second
	skipBytes = 64 << 20
)

// view is a log as one output sees it: with its own name, filtered, and with the routes of other
// outputs left out. Positions are those of the log. What is left out is told as batches without
// records, so that the reader can commit beyond it.
type view struct {
	record.Log
	name    string
	chain   filter.Chain
	matches func(tag string) bool // nil: everything
	// when done, the log ends for this reader; nil: never
	end context.Context
	// called for every batch of the log, if not nil
	onRead func(*record.Batch)
	tap    *admin.Tap // is shown what the output is given; may be nil
	// called with the size of every batch of the log, if not nil
	pass func(bytes int)
	// of the settings of chain and matches
	fingerprint string
	// called with how many positions more are known to be delivered, if not nil
	onCommit func(n int64)
	passed   atomic.Int64 // up to where onCommit knows, once it was told in passing
	// counts, where the log does not; may be nil
	counter *ledger.LogCounter
	// takes what filters refuse, but what the reader keeps of it: all from keepFrom on
	deadLetter func(ctx context.Context, b *record.Batch, reason string) error
	keeps      bool
	keepFrom   int64
	// has been read, but what filters refuse of it is not in the dead letter yet
	pending *record.Batch

	gap      *record.Batch // what has been passed over
	gapSince time.Time
	gapBytes int
	eof      bool

	noting   []tally.Entry // memory of counted
	toKeeper sync.Once
	keeper   tally.Keeper // that Log is; nil if it is none
}

// Unwrap gives record.As the abilities of the log that a view leaves as they are.
func (v *view) Unwrap() record.Log { return v.Log }

// Name implements record.Log.
func (v *view) Name() string { return v.name }

// Fingerprint implements record.Fingerprinter.
func (v *view) Fingerprint() string {
	if f, ok := record.As[record.Fingerprinter](v.Log); ok && f.Fingerprint() != "" {
		return v.fingerprint + "\n" + f.Fingerprint()
	}
	return v.fingerprint
}

// KeepRefused implements record.Refuser.
func (v *view) KeepRefused(from int64) bool {
	v.keeps, v.keepFrom = true, from
	return len(v.chain) > 0
}

// Commit implements record.Log.
func (v *view) Commit(ctx context.Context, pos int64, note string) error {
	was, _ := v.Log.Committed()
	err := v.Log.Commit(ctx, pos, note)
	if err == nil {
		v.tell(was, pos)
	}
	if err == nil && v.counter != nil {
		v.counter.Committed(pos, time.Now())
	}
	return err
}

// Advance implements record.Advancer.
func (v *view) Advance(pos int64) bool {
	was, _ := v.Log.Committed()
	a, ok := record.As[record.Advancer](v.Log)
	if !ok || !a.Advance(pos) {
		return false
	}
	v.tell(was, pos)
	return true
}

// tell has onCommit know of what is delivered up to pos, once.
func (v *view) tell(was, pos int64) {
	if v.onCommit == nil {
		return
	}
	for {
		known := v.passed.Load()
		if pos <= max(known, was) {
			return
		}
		if v.passed.CompareAndSwap(known, pos) {
			v.onCommit(pos - max(known, was))
			return
		}
	}
}

// SeekTo implements record.Log.
func (v *view) SeekTo(pos int64) error {
	v.gap, v.pending, v.eof = nil, nil, false
	if v.counter != nil {
		v.counter.Rewind(pos)
	}
	return v.Log.SeekTo(pos)
}

// Next implements record.Log.
func (v *view) Next(ctx context.Context) (*record.Batch, error) {
	for {
		b, err := v.next(ctx)
		switch {
		case errors.Is(err, errGapWaited):
			return v.takeGap(), nil
		case errors.Is(err, io.EOF):
			if v.eof = true; v.gap != nil {
				return v.takeGap(), nil
			}
			return nil, io.EOF
		case err != nil:
			return nil, err
		}
		if v.onRead != nil && b != v.pending {
			v.onRead(b)
		}
		if v.pass != nil && b != v.pending {
			v.pass(b.Size())
		}
		if b.Len() == 0 {
			v.skip(b)
			return v.takeGap(), nil
		}
		matched := v.matches == nil || v.matches(v.chain.Tag(b.Tag))
		if matched {
			out, err := v.filter(ctx, b)
			if err != nil {
				return nil, err
			}
			if out.Len() > 0 {
				v.tap.Publish(out)
			}
			if out.Len() > 0 || out.Refused != nil {
				v.gap = nil // committing out commits what was passed over before it
				return out, nil
			}
		}
		if !matched {
			v.note(b, tally.Taken, b.Len(), b.Size())
			v.note(b, tally.Unmatched, b.Len(), b.Size())
			v.tellNoted()
		}
		if v.skip(b); v.gapBytes >= skipBytes {
			return v.takeGap(), nil
		}
	}
}

// filter runs the chain. It returns once what the filters refuse is durable; after an error, the
// batch comes again.
func (v *view) filter(ctx context.Context, b *record.Batch) (*record.Batch, error) {
	if len(v.chain) > 0 {
		b.Keep() // a filter may have kept something of it
	}
	out := v.chain.Apply(b)
	dead := out.Refused
	if first := v.firstKept(dead); first < len(dead) {
		for i := range dead {
			dead[i].Tag = b.Tag
		}
		dead, out.Batch.Refused = dead[:first], dead[first:]
	}
	if err := deadByReason(ctx, b, dead, v.deadLetter); err != nil {
		v.pending = b
		return nil, err
	}
	v.pending = nil
	v.counted(b, out)
	return out.Batch, nil
}

// firstKept returns which of the refused is the first that the reader keeps.
func (v *view) firstKept(refused []record.Refusal) int {
	return sort.Search(len(refused), func(i int) bool {
		return v.keeps && refused[i].Record.Offset >= v.keepFrom
	})
}

// deadByReason brings what filters refuse of b to a dead letter.
func deadByReason(
	ctx context.Context, b *record.Batch, refused []record.Refusal,
	deadLetter func(context.Context, *record.Batch, string) error,
) error {
	byReason := map[string][]record.Record{}
	var reasons []string
	for _, r := range refused {
		if byReason[r.Reason] == nil {
			reasons = append(reasons, r.Reason)
		}
		byReason[r.Reason] = append(byReason[r.Reason], r.Record)
	}
	for _, reason := range reasons {
		dead := record.FromRecords(b.Tag, b.Origin, byReason[reason])
		dead.Topic = b.Topic
		if err := deadLetter(ctx, dead, reason); err != nil {
			return err
		}
	}
	return nil
}

// counted notes what the chain has made of a batch.
func (v *view) counted(b *record.Batch, out filter.Result) {
	v.note(b, tally.Taken, b.Len(), b.Size())
	if refused := len(out.Refused); refused > 0 {
		v.note(b, tally.Dead, refused, b.Size()*refused/b.Len())
	}
	gone, bytes := b.Len()-out.Batch.Len()-len(out.Refused), b.Size()-out.Batch.Size()
	if gone > 0 {
		v.note(b, tally.Filtered, gone, max(bytes, 0))
	} else if gone < 0 {
		v.note(b, tally.Added, -gone, max(-bytes, 0))
	}
	v.tellNoted()
}

// note has a count told with the others of the batch.
func (v *view) note(b *record.Batch, s tally.Stage, n, bytes int) {
	if n == 0 {
		return
	}
	v.noting = append(v.noting, tally.Entry{
		Stage: s, Origin: b.Origin, First: b.First, End: b.End,
		Count: tally.Count{Records: int64(n), Bytes: int64(bytes)},
	})
}

func (v *view) tellNoted() {
	if len(v.noting) > 0 {
		v.Note(v.noting...)
		v.noting = v.noting[:0]
	}
}

// Note implements tally.Keeper.
func (v *view) Note(entries ...tally.Entry) {
	v.toKeeper.Do(func() { v.keeper, _ = record.As[tally.Keeper](v.Log) })
	if v.keeper != nil {
		v.keeper.Note(entries...)
	} else if v.counter != nil {
		v.counter.Note(entries...)
	}
}

// Confirm implements tally.Keeper.
func (v *view) Confirm(ctx context.Context, pos int64) error {
	v.gap, v.pending, v.eof = nil, nil, false
	if k, ok := record.As[tally.Keeper](v.Log); ok {
		return k.Confirm(ctx, pos)
	}
	if v.counter != nil {
		v.counter.Skip(pos)
	}
	return nil
}

var errGapWaited = errors.New("what was passed over has waited long enough")

// next reads the log, but no longer than a gap may wait, and not beyond the end.
func (v *view) next(ctx context.Context) (*record.Batch, error) {
	if v.pending != nil {
		return v.pending, nil
	}
	if v.eof {
		return nil, io.EOF
	}
	if v.end == nil && v.gap == nil {
		return v.Log.Next(ctx)
	}
	var cancel context.CancelFunc
	inner := ctx
	if v.gap != nil {
		inner, cancel = context.WithDeadline(ctx, v.gapSince.Add(skipTime))
	} else {
		inner, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	if v.end != nil {
		if v.end.Err() != nil {
			return nil, io.EOF
		}
		defer context.AfterFunc(v.end, cancel)()
	}
	b, err := v.Log.Next(inner)
	if err == nil || ctx.Err() != nil || inner.Err() == nil {
		return b, err
	}
	if v.end != nil && v.end.Err() != nil {
		return nil, io.EOF
	}
	return nil, errGapWaited
}

func (v *view) skip(b *record.Batch) {
	if v.gap == nil {
		v.gap = record.FromRecords(b.Tag, b.Origin, nil)
		v.gap.First, v.gapSince, v.gapBytes = b.First, time.Now(), 0
	}
	v.gap.End = b.End
	v.gap.Lost += b.Lost
	v.gapBytes += b.Size()
}

func (v *view) takeGap() *record.Batch {
	gap := v.gap
	v.gap = nil
	return gap
}
