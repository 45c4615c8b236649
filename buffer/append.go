package buffer

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// appendOp is one call of Append. It belongs to its caller until it is placed, and to the writer
// from then on.
type appendOp struct {
	input   string
	batch   *record.Batch // nil: positions only
	changes []change
	read    tally.Count // of batch, as it came
	encoded int64       // about
	weight  int64
	onDone  func(error)

	replay      bool      // can be read again
	hasWaiter   bool      // somebody waits for its outcome
	held        bool      // inflight and done are to be settled; the writer's once it is queued
	isPublished bool      // in the log already
	end         int64     // position after it, once it is
	at          time.Time // when it was
}

// Pack encodes and compresses batch as Append would, so that several goroutines can do it before
// one of them appends in order. The caller holds batch alone; what it has read from it is not valid
// any more.
func (b *Buffer) Pack(batch *record.Batch) error {
	_, err := batch.PackedAsKept(b.codec.get())
	switch {
	case err != nil:
	case !b.opt.Spill:
		batch.Shed()
	case batch.Size() >= shedFrom && !b.codec.missed.Load():
		// Outputs get it as it is. Most take large batches packed; where one does not, as the first
		// of them shows, they are left as they were.
		batch.ShedFor(&b.codec.missed)
	}
	return err
}

// shedFrom is the size from which batches in memory are kept packed alone.
const shedFrom = 64 << 10

// Append places batch at the end of the log and stores the input's positions with it, in one
// transaction. batch may be nil (positions only) and is read-only from the call on. Append returns
// when batch has its place in the order, which is that of the calls, and blocks while the buffer is
// full or behind.
//
// done, if not nil, is called exactly once if and only if Append returned nil: with nil once all of
// it is on disk, or with the reason why it never will be. It is called from another goroutine, in
// the order of the calls, and must not block. An error means that nothing was stored.
func (b *Buffer) Append(
	ctx context.Context, input string, batch *record.Batch, positions []record.Position,
	done func(error),
) error {
	return b.add(ctx, input, batch, positions, done, false)
}

func (b *Buffer) add(
	ctx context.Context, input string, batch *record.Batch, positions []record.Position,
	done func(error), replay bool,
) error {
	op := &appendOp{
		input:     input,
		onDone:    done,
		replay:    replay && b.opt.Spill,
		hasWaiter: !replay && done != nil,
		encoded:   256,
		weight:    4096,
	}
	for _, p := range positions {
		c := change{kind: changePosition, name: input, key: p.Key, value: p.Value}
		if p.Value == nil {
			c.kind = changeForget
		}
		op.changes = append(op.changes, c)
		op.encoded += int64(len(input) + len(p.Key) + len(p.Value) + changeOverhead)
	}
	if batch != nil && batch.Len() > 0 {
		if err := b.permitted(batch.Form()); err != nil {
			return err
		}
		// Compressed here, so that several callers compress at once and before they have a place in
		// the order.
		packed, err := batch.PackedAsKept(b.codec.get())
		if err != nil {
			return err
		}
		op.batch = batch
		op.read = tally.Count{Records: int64(batch.Len()), Bytes: int64(batch.Size())}
		op.encoded += int64(len(packed) + len(batch.Tag) + len(batch.Origin))
		op.weight += int64(batch.Size() + len(packed))
		if len(packed) > maxBatchBytes || b.opt.MaxSize > 0 && op.encoded > b.opt.limit()/2 {
			return fmt.Errorf("%w: %d bytes compressed", ErrTooLarge, len(packed))
		}
	}
	held := min(op.weight, maxInFlight)
	if err := b.inflight.Acquire(ctx, held); err != nil {
		return err
	}
	inLog, wake, err := b.place(ctx, op)
	if err != nil || inLog {
		b.inflight.Release(held)
	}
	if err != nil {
		return err
	}
	if wake {
		b.wakeWriter()
	}
	if inLog && done != nil {
		done(nil)
	}
	return nil
}

// Flush says that nothing more comes for now: what was appended does not wait for it. It does not
// wait either, and two commits are FlushInterval apart all the same.
func (b *Buffer) Flush() {
	b.mu.Lock()
	wake := !b.queue.empty() && !b.queue.complete
	b.queue.complete = b.queue.complete || wake
	b.mu.Unlock()
	if wake {
		b.wakeWriter()
	}
}

// place waits for room and puts op into the queue, where it is the writer's, or into the window,
// and so into the log. wake reports whether the writer has to know.
func (b *Buffer) place(ctx context.Context, op *appendOp) (inLog, wake bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if b.window.open && op.batch != nil && b.space.over(b.taken(), op.encoded) {
			b.spill(SpillFull, time.Now())
			b.wakeWriter()
		}
		inMemory := op.replay && b.window.open
		switch {
		case b.closed:
			return false, false, ErrClosed
		case b.sealed:
			return false, false, ErrSealed
		case b.cursors.unresolved.any():
			inMemory = true // only in that it does not wait for the disk
		case inMemory:
			if b.fits(op) {
				b.show(op, time.Now())
				above := b.window.commitAbove()
				return true, len(b.window.ops) == 1 ||
					b.window.bytes > above && b.window.bytes-op.weight <= above, nil
			}
			b.wakeWriter()
		case op.batch == nil || b.hasRoom(op.encoded):
			if op.batch != nil {
				if b.window.open {
					b.spill(SpillInput, time.Now())
				}
				op.batch.At(b.assigned)
				b.books.placed(b.assigned, b.opt.clock())
				b.assigned = op.batch.End
			}
			op.held = true
			return false, b.enqueue(op), nil
		}
		if err := b.await(ctx, op, inMemory); err != nil {
			return false, false, err
		}
	}
}

// enqueue puts op into the queue, and reports whether the writer has to know. Caller holds mu.
func (b *Buffer) enqueue(op *appendOp) bool {
	first, enough := b.queue.empty(), b.queue.bytes >= b.opt.FlushBytes
	b.queue.add(op)
	return first || op.hasWaiter || b.opt.Latency == 0 || b.opt.Spill ||
		!enough && b.queue.bytes >= b.opt.FlushBytes
}

// await waits until there may be room for op, in memory or on disk. Caller holds mu.
func (b *Buffer) await(ctx context.Context, op *appendOp, inMemory bool) error {
	if inMemory {
		b.window.waiting++
	} else if b.space.block(op.encoded) {
		b.wakeWriter()
	}
	freed := b.space.freed.wait()
	b.mu.Unlock()
	var err error
	select {
	case <-freed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	b.mu.Lock()
	if inMemory {
		b.window.waiting--
	} else {
		b.space.unblock()
	}
	return err
}
