package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// take adds a batch, or keeps what of it cannot be decoded for the next tick.
func (d *drain) take(ctx context.Context, b *record.Batch) error {
	err := d.add(ctx, b)
	if errors.Is(err, decode.ErrUnavailable) {
		d.waiting = b
		d.a.decodeTrouble.failed(d.log.Name(), err, "log", d.log.Name())
		return nil
	}
	if err == nil && d.waiting != nil {
		d.waiting = nil
		d.a.decodeTrouble.worked(d.log.Name())
	}
	return err
}

func (d *drain) add(ctx context.Context, b *record.Batch) error {
	if b.End <= d.pos && b.Len() > 0 {
		return nil
	}
	now := time.Now()
	d.lastRead = now
	d.cur.lost += b.Lost
	if d.id.topic == "" {
		d.in.Topic = b.Tag
	}
	d.in.Tag, d.in.Origin = b.Tag, b.Origin
	seq, err := b.Records()
	if err != nil {
		return fmt.Errorf("batch [%d, %d): %w", b.First, b.End, err)
	}
	for r := range seq {
		if r.Offset < d.pos {
			continue
		}
		if d.redo > 0 && r.Offset >= d.redo {
			if err := d.endRedo(ctx); err != nil {
				return err
			}
		}
		d.begin(now)
		if err := d.addRecord(r); err != nil {
			return err
		}
		d.follow(r, now)
		d.pos = r.Offset + 1
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
	if d.acct.overMemory() {
		d.a.metrics.spills.Inc()
		_ = d.cur.spill() // said and counted where it failed; admission stops the reading
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

// follow takes a record that was added into account for how far the log has come.
func (d *drain) follow(r *record.Record, now time.Time) {
	own := int64(0)
	if _, beyond := r.Beyond(); !beyond {
		own = r.Time / 1e6
	}
	if d.timed {
		d.clock.Timed(d.eventTime/1e6, own, now.UnixMilli())
	} else {
		d.clock.Untimed(own, now.UnixMilli())
	}
}

// addRecord puts one record into the file it belongs to.
func (d *drain) addRecord(r *record.Record) error {
	d.in.Record = r
	key, res, err := d.part.Key(d.key[:0], &d.in)
	d.key = key
	d.timed, d.eventTime = res.Timed, res.Time
	skip := r.Value == nil && d.a.cfg.OnNull == "skip"
	if err != nil {
		if ms, ok := r.Beyond(); ok && d.a.cfg.OnMissing == "stop" {
			err = fmt.Errorf("%w: its timestamp is %s", err, ms)
		}
		if skip && errors.Is(err, partition.ErrStop) {
			d.skip()
			return nil
		}
		return err
	}
	if ms, ok := r.Beyond(); ok && (res.Class == partition.DeadLetter || d.a.codec.showsTime) {
		// Shown, it would be a time that the record does not have.
		reason := fmt.Errorf("its timestamp, %s milliseconds, is beyond what can be held", ms)
		if res.Class != partition.DeadLetter && d.a.cfg.OnMissing == "stop" && !skip {
			return fmt.Errorf("record %d: %w, and %w", r.Offset, reason, partition.ErrStop)
		}
		if res.Class != partition.DeadLetter {
			d.key = d.part.DeadLetterKey(d.key[:0], &d.in)
		}
		res.Class, res.Reason = partition.DeadLetter, reason
	}
	// The row comes before the file: a file that would be empty is never made. One that goes where
	// the last one went is made where it will lie, if there is room for what rows usually are.
	into, there := d.row[:0], false
	if f := d.last; f != nil && cap(f.buf)-len(f.buf) > len(r.Value)+len(r.Value)/4+64 {
		if there = f.class != partition.DeadLetter && bytes.Equal(d.key, d.lastKey); there {
			into = f.buf
		}
	}
	var row []byte
	if res.Class != partition.DeadLetter {
		if row, err = d.a.codec.rows.AppendRow(into, &d.in); err != nil {
			if errors.Is(err, decode.ErrUnavailable) {
				return err
			}
			if d.a.cfg.OnMissing == "stop" && !skip {
				return fmt.Errorf("record %d: %w, and %w", r.Offset, err, partition.ErrStop)
			}
			res.Class, res.Reason = partition.DeadLetter, err
			d.key = d.part.DeadLetterKey(d.key[:0], &d.in)
		} else if row = row[len(into):]; !there {
			d.row = row
		}
	}
	if skip && res.Class == partition.DeadLetter {
		d.skip()
		return nil
	}
	if res.Class == partition.DeadLetter && d.a.env.DeadLetter != nil {
		d.refuse(r, res.Reason)
		return nil
	}
	f := d.last
	if f == nil || !bytes.Equal(d.key, d.lastKey) {
		if f = d.cur.byKey[string(d.key)]; f == nil {
			if f, err = d.newFile(&res); err != nil || f == nil {
				return err
			}
		}
		d.last, d.lastKey = f, append(d.lastKey[:0], d.key...)
	}
	if f.class == partition.DeadLetter {
		d.row = appendDeadLetter(d.row[:0], &d.in, d.id.topic != "", res.Reason)
		row = d.row
		d.a.deadLetters.add(
			"log", d.log.Name(), "position", r.Offset, "reason", res.Reason, "path", f.path,
		)
	}
	d.cur.bytes += int64(len(r.Key) + len(r.Value))
	d.spooled = true
	return d.cur.add(f, r, row)
}

// skip leaves a record out.
func (d *drain) skip() {
	d.a.metrics.skipped.Inc()
	d.spooled = true
}

// newFile returns the file for d.key, which was not seen before in this cut; nil for a record that
// became a dead letter.
func (d *drain) newFile(res *partition.Result) (*file, error) {
	path, err := d.part.Path(d.key)
	if err != nil {
		if d.a.cfg.OnMissing == "stop" {
			return nil, fmt.Errorf(
				"record %d: %w, and %w", d.in.Record.Offset, err, partition.ErrStop,
			)
		}
		res.Class, res.Reason = partition.DeadLetter, partition.ErrPath
		if d.a.env.DeadLetter != nil {
			d.refuse(d.in.Record, res.Reason)
			return nil, nil
		}
		d.key = d.part.DeadLetterKey(d.key[:0], &d.in)
		if f := d.cur.byKey[string(d.key)]; f != nil {
			return f, nil
		}
		if path, err = d.part.Path(d.key); err != nil {
			return nil, err
		}
	}
	f, made := d.cur.file(path, res.Class)
	if made {
		d.a.paths.Add(1)
	}
	d.cur.byKey[string(d.key)] = f
	return f, nil
}
