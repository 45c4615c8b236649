package overflow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// mover takes the oldest part of a log to the store, object by object. An object's cut is committed
// as an intent before it is stored, so that whoever goes on after a crash makes exactly that object
// again.
type mover struct {
	log     record.Log
	ledger  *deliver.Ledger
	store   spool.Store
	base    string
	to      string // whose store it is
	cfg     *outputs.Failover
	retry   outputs.Retry
	router  outputs.Router
	m       *overflowMetrics
	failing *fault.FailureLog
	// called once an object is stored and committed; oldest is its first record's time
	onStored   func(o spool.Object, oldest time.Time)
	beforeMove func(context.Context) error // called before anything is moved; may be nil

	puts atomic.Int64 // objects that it began to store

	w  *recordline.ObjectWriter
	at int64 // where the log's next batch begins; -1 if not known
}

// run moves batches until quit ends, which is when a cut that is not stored within grace is given
// up: its records stay in the log. It returns ErrQuit then, io.EOF once all of a sealed log is
// moved, ctx's error, or the log's.
func (v *mover) run(ctx, quit context.Context) error {
	// Requests outlive quit by a grace, in which they may still succeed.
	rctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(quit, func() { time.AfterFunc(2*deliver.Grace, cancel) })()
	v.at = -1
	v.w = recordline.NewObjectWriter()
	defer func() { v.w = nil }() // some megabytes
	if v.beforeMove != nil {
		if err := v.beforeMove(ctx); err != nil {
			return err
		}
	}
	for {
		_, text := v.ledger.State()
		n, _ := ParseNote(text)
		var err error
		if n.Intent != nil {
			err = v.redo(rctx, *n.Intent)
		} else {
			err = v.next(rctx, quit)
		}
		if err != nil {
			return v.stopCause(ctx, err)
		}
		if quit.Err() != nil {
			return deliver.ErrQuit
		}
	}
}

// stopCause tells a run that was asked to quit from one whose ctx ended.
func (v *mover) stopCause(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return deliver.ErrQuit
	}
	return err
}

// deleteVoided deletes the object of a cut that was given up, if it came to be.
func (v *mover) deleteVoided(ctx context.Context) error {
	_, text := v.ledger.State()
	n, _ := ParseNote(text)
	if n.Void == nil {
		return nil
	}
	err := v.persist(ctx, func() error {
		for _, key := range v.keys(*n.Void) {
			_, digest, err := v.digest(ctx, key)
			if errors.Is(err, spool.ErrNotFound) || err == nil && digest != n.Void.Digest {
				continue
			}
			if err != nil {
				return err
			}
			if err := v.store.Delete(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.annotate(ctx, func(n *Note) { n.Void = nil })
}

// giveUp turns an intent that could not be stored into a void one: its records stay in the log, to
// be delivered from there.
func (v *mover) giveUp(ctx context.Context) error {
	return v.annotate(ctx, func(n *Note) { n.Void, n.Intent = n.Intent, nil })
}

func (v *mover) annotate(ctx context.Context, change func(*Note)) error {
	return v.commit(ctx, 0, change)
}

// commit changes the note and, if pos is greater, the position.
func (v *mover) commit(ctx context.Context, pos int64, change func(*Note)) error {
	return v.ledger.Change(ctx, pos, func(text string) string {
		n, _ := ParseNote(text)
		change(&n)
		n.Base, n.To = v.base, v.to
		if v.beforeMove == nil && !n.Held && !n.Away() {
			n.Log = "" // nothing is known by it
		}
		return n.String()
	})
}

// next makes one object of whole batches from the committed position on.
func (v *mover) next(ctx, quit context.Context) error {
	pos, _ := v.ledger.State()
	if err := v.seek(pos); err != nil {
		return err
	}
	qctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(quit, cancel)()
	w := v.w
	w.Reset()
	end := pos
	var deadline time.Time
	for w.Size() < v.cfg.ObjectSize && w.Raw < 16*v.cfg.ObjectSize {
		rctx, done := qctx, context.CancelFunc(func() {})
		if end > pos {
			rctx, done = context.WithDeadline(qctx, deadline)
		}
		b, err := v.log.Next(rctx)
		done()
		switch {
		case err == nil:
		case qctx.Err() != nil:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return deliver.ErrQuit // nothing is promised yet
		case errors.Is(err, context.DeadlineExceeded) && end > pos:
		case errors.Is(err, io.EOF) && end > pos:
		default:
			return err
		}
		if err != nil {
			break
		}
		if end == pos {
			deadline = time.Now().Add(ageOf(v.cfg.ObjectAge))
		}
		if b2 := deliver.From(b, pos); b2 != nil {
			if err := v.add(b2); err != nil {
				return err
			}
		}
		end = max(end, b.End)
	}
	v.at = end
	return v.putObject(ctx, pos, end, w)
}

// ageOf returns when an object is finished, by chance within the second half of object_age: agents
// that turned to the store together do not write to it in step.
func ageOf(longest time.Duration) time.Duration { return longest - rand.N(longest/2+1) }

// add puts a batch into the object, and notes that once it is committed.
func (v *mover) add(b *record.Batch) error {
	before := v.w.Records
	if err := v.w.Add(b, v.router); err != nil {
		return err
	}
	k, ok := record.As[tally.Keeper](v.log)
	if n := v.w.Records - before; ok {
		if _, err := b.Records(); err != nil {
			n = int64(b.Len()) // in one line
		}
		k.Note(tally.Entry{
			Stage: tally.Overflowed, Origin: b.Origin, First: b.First, End: b.End,
			Count: tally.Count{Records: n, Bytes: int64(b.Size())},
		})
	}
	return nil
}

// seek makes the next batch begin at pos. Until the reading that follows has come to a known end,
// its place is unknown.
func (v *mover) seek(pos int64) error {
	was := v.at
	if v.at = -1; was == pos {
		return nil
	}
	if err := v.log.SeekTo(pos); err != nil {
		return fmt.Errorf("seek %s to %d: %w", v.log.Name(), pos, err)
	}
	return nil
}

// redo makes the object of an intent again.
func (v *mover) redo(ctx context.Context, c objectRange) error {
	if err := v.seek(c.First); err != nil {
		return err
	}
	w := v.w
	w.Reset()
	for at := c.First; at < c.End; {
		b, err := v.log.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if b.First >= c.End {
			break // what was left of the cut is gone from the log
		}
		at = b.End
		// Batches need not have the bounds that they had the first time.
		if b = deliver.UpTo(deliver.From(b, c.First), c.End); b != nil {
			if err := v.add(b); err != nil {
				return err
			}
		}
	}
	return v.putObject(ctx, c.First, c.End, w)
}

// putObject stores an object under the protocol: intent, put, commit.
func (v *mover) putObject(ctx context.Context, first, end int64, w *recordline.ObjectWriter) error {
	data, digest, err := w.Finish()
	if err != nil {
		return err
	}
	_, text := v.ledger.State()
	n, _ := ParseNote(text)
	var o spool.Object
	if n.Intent != nil && n.Intent.Digest != digest {
		o, err = v.stored(ctx, *n.Intent)
	}
	switch {
	case err != nil:
		return err
	case o.Key != "":
	case w.Records > 0:
		if o, err = v.putNew(ctx, first, end, digest, data, w.Records); err != nil {
			return err
		}
	case n.Intent != nil:
		return v.commit(ctx, end, func(n *Note) { n.Intent = nil })
	default:
		return v.ledger.Advance(ctx, end)
	}
	if err := v.commit(ctx, end, func(n *Note) { n.Intent, n.Objects = nil, true }); err != nil {
		return err
	}
	v.m.moved.Inc()
	v.m.movedRecords.Add(float64(w.Records))
	v.m.movedBytes.Add(float64(o.Size))
	v.onStored(o, w.Oldest)
	return nil
}

func (v *mover) putNew(
	ctx context.Context, first, end int64, digest string, data []byte, records int64,
) (o spool.Object, err error) {
	var c objectRange
	err = v.commit(ctx, first, func(n *Note) {
		if n.Log == "" {
			n.Log = NewLogID()
		}
		c = objectRange{First: first, End: end, Digest: digest, Log: mark(n.Log)}
		if n.Intent != nil {
			c.Log = n.Intent.Log // its object may be there
		}
		n.Intent = &c
	})
	if err != nil {
		return o, err
	}
	v.puts.Add(1)
	err = v.persist(ctx, func() error {
		o, err = v.put(ctx, c, data, records)
		return err
	})
	return o, err
}

// stored returns the object of an intent that would come out otherwise if it were made again, as
// after a change of the configuration: of a second one beside it both would be replayed. It has no
// key if it was not stored.
func (v *mover) stored(ctx context.Context, c objectRange) (o spool.Object, err error) {
	err = v.persist(ctx, func() error {
		for _, key := range v.keys(c) {
			found, digest, err := v.digest(ctx, key)
			if err == nil && digest == c.Digest {
				o = found
				return nil
			}
			if err != nil && !errors.Is(err, spool.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	return o, err
}

// keys returns the names that a cut's object can have. They are the plain one, and the one it gets
// when that is taken by an object of the same positions and other contents, as a copy of the data
// directory can leave it behind.
func (v *mover) keys(c objectRange) []string {
	key := v.base + recordline.ObjectName(c.First, c.End, c.Log)
	return []string{
		key,
		strings.TrimSuffix(
			key, recordline.ObjectSuffix,
		) + "-" + c.Digest[:8] + recordline.ObjectSuffix,
	}
}

func (v *mover) put(
	ctx context.Context, c objectRange, data []byte, records int64,
) (spool.Object, error) {
	opts := recordline.ObjectOptions(c.Digest, records)
	opts.IfAbsent = true
	for _, key := range v.keys(c) {
		o := spool.Object{Key: key, Size: int64(len(data)), Modified: time.Now()}
		err := spool.PutOnce(ctx, v.store, key, bytes.NewReader(data), int64(len(data)), opts)
		if err == nil {
			return o, nil
		}
		if !errors.Is(err, spool.ErrExists) {
			return o, err
		}
		_, digest, err := v.digest(ctx, key)
		if err != nil {
			return o, err
		}
		if digest == c.Digest {
			return o, nil // an earlier attempt of ours did it
		}
	}
	return spool.Object{}, fmt.Errorf(
		"put %s: %w: other objects have this name and that with %s; look at them, and move them away or replay them",
		v.keys(c)[0], spool.ErrRefused, c.Digest[:8],
	)
}

// digest looks for a stored object, and returns the digest of its lines.
func (v *mover) digest(ctx context.Context, key string) (spool.Object, string, error) {
	for o, err := range v.store.List(ctx, key) {
		if err != nil {
			return o, "", err
		}
		if o.Key == key {
			digest, err := objectDigest(ctx, v.store, o)
			return o, digest, err
		}
		break // it would be the first
	}
	return spool.Object{}, "", fmt.Errorf("%s: %w", key, spool.ErrNotFound)
}

// objectDigest returns the digest of the lines of a stored object.
func objectDigest(ctx context.Context, store spool.Store, listed spool.Object) (string, error) {
	key := listed.Key
	r, o, err := store.Get(ctx, key)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if o.Size != listed.Size {
		return "", fmt.Errorf(
			"read %s: %w: %d bytes, and %d", key, ErrOtherObject, listed.Size, o.Size,
		)
	}
	if d := o.Metadata[recordline.MetaDigest]; d != "" {
		return d, nil
	}
	body := NewCountingBody(r, o.Size)
	sum := sha256.New()
	lines, err := recordline.NewLineReader(body, sum)
	if err == nil {
		defer lines.Close()
		if _, err = io.Copy(io.Discard, lines.R); err == nil {
			return hex.EncodeToString(sum.Sum(nil)[:16]), nil
		}
	}
	if body.Err != nil {
		return "", fmt.Errorf("read %s: %w", key, body.Err)
	}
	return "damaged", nil
}

// persist tries until do succeeds or ctx ends.
func (v *mover) persist(ctx context.Context, do func() error) error {
	err := fault.Persist(ctx, v.retry.Backoff(), do, func(err error) error {
		v.m.storeErrors.Inc()
		v.failing.Failed(err)
		return nil
	})
	if err == nil {
		v.failing.Worked()
	}
	return err
}
