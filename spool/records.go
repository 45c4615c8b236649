package spool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/spool/format/decode"
)

// take adds a batch, or keeps what of it cannot be decoded for the next tick.
func (d *drain) take(ctx context.Context, b *record.Batch) error {
	err := d.add(ctx, b)
	if errors.Is(err, decode.ErrUnavailable) {
		d.waiting = b
		d.a.failing.decode.Failed(d.log.Name(), err, "log", d.log.Name())
		return nil
	}
	if err == nil && d.waiting != nil {
		d.waiting = nil
		d.a.failing.decode.Worked(d.log.Name())
	}
	if err == nil {
		b.Recycle() // its records were copied, those among the dead letters too
	}
	return err
}

func (d *drain) add(ctx context.Context, b *record.Batch) error {
	if b.End <= d.pos && b.Len() > 0 {
		return nil
	}
	now := time.Now()
	d.lastRead = now
	d.cur.losses.lost += b.Lost
	if d.id.topic == "" {
		d.placing.in.Topic = b.Tag
	}
	d.placing.in.Tag, d.placing.in.Origin = b.Tag, b.Origin
	var refused error
	dead, skipped := len(d.placing.deadLetters), d.placing.skipped
	rest := b.Refused
	lookAtRefused := func(before int64) {
		for ; refused == nil && len(rest) > 0 && rest[0].Record.Offset < before; rest = rest[1:] {
			if rest[0].Record.Offset >= d.pos && d.placing.lookAtRefused(&rest[0]) {
				refused = d.place(ctx, now)
			}
		}
	}
	err := b.Each(&d.scratch, func(r *record.Record) error {
		if lookAtRefused(r.Offset); refused == nil && r.Offset >= d.pos && d.placing.look(r) {
			refused = d.place(ctx, now)
		}
		return refused
	})
	if err == nil {
		lookAtRefused(math.MaxInt64)
	}
	if refused == nil {
		refused = d.place(ctx, now)
	}
	d.placing.letGo()
	if refused != nil {
		return refused
	}
	if err != nil {
		return fmt.Errorf("batch [%d, %d): %w", b.First, b.End, err)
	}
	if d.redo > 0 && b.End >= d.redo {
		if err := d.endRedo(ctx); err != nil {
			return err
		}
	}
	if b.End > d.pos {
		d.begin(now)
		d.pos = b.End
	}
	d.note(b, len(d.placing.deadLetters)-dead, d.placing.skipped-skipped)
	if d.acct.overMemory() {
		d.a.metrics.spills.Inc()
		_ = d.cur.spill() // said and counted where it failed; admission stops the reading
	}
	return nil
}

// note counts a batch, once its end is committed, as archived but for what is a dead letter or was
// left out.
func (d *drain) note(b *record.Batch, dead, skipped int) {
	k, ok := record.As[tally.Keeper](d.log)
	if !ok || b.Len() == 0 {
		return
	}
	e := tally.Entry{Stage: tally.Delivered, Origin: b.Origin, First: b.First, End: b.End}
	e.Count = tally.Count{Records: int64(b.Len() - dead - skipped), Bytes: int64(b.Size())}
	k.Note(e)
	e.Stage, e.Count = tally.Dead, tally.Count{Records: int64(dead)}
	k.Note(e)
	e.Stage, e.Count = tally.Filtered, tally.Count{Records: int64(skipped)}
	k.Note(e)
}

// place adds the records that were looked at.
func (d *drain) place(ctx context.Context, now time.Time) error {
	p := &d.placing
	defer func() { p.n = 0 }()
	p.find(d.cur)
	for i := range p.looked[:p.n] {
		l := &p.looked[i]
		offset := l.record.Offset
		if d.redo > 0 && offset >= d.redo {
			if err := d.endRedo(ctx); err != nil {
				return err
			}
		}
		d.begin(now)
		if err := p.add(d.cur, l); err != nil {
			return err
		}
		d.spooled = true
		d.completeness.follow(&l.record, p.event, now)
		d.cur.events.add(&l.record, p.event)
		d.pos = offset + 1
	}
	return nil
}

// begin starts the clocks of a cut at its first record or gap.
func (d *drain) begin(now time.Time) {
	if d.cur.began.IsZero() {
		d.cur.began = now
		d.mark = nextMark(now, d.a.marks)
	}
}
