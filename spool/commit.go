package spool

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

// endRedo makes the cut that an intent names: everything read so far.
func (d *drain) endRedo(ctx context.Context) error {
	d.pos = d.redo
	d.redo, d.placing.asBefore = 0, false
	d.a.failing.log.Worked(d.log.Name())
	return d.seal(ctx, "redo")
}

// seal makes a cut of what was read and begins to archive it; reading goes on into the next.
func (d *drain) seal(ctx context.Context, reason string) error {
	c := d.cur
	c.end = d.pos
	files := c.sorted()
	progress := d.completeness.progress(d.m.Progress())
	progress.Watermark = max(progress.Watermark, d.completeness.clock.Mark())
	if progress.First == 0 && d.completeness.completer != nil {
		progress.First = d.first()
	}
	if d.a.budget.used(true) > d.a.cfg.Spool.Memory/2 {
		// It may take long to upload; the next cut needs the memory.
		_ = c.spill()
	}
	if in, redo := d.m.Redo(); redo {
		c.redoIntent = &in
	}
	missing := d.m.Missing
	step := d.m.MakeCut(protocol.Cut{
		Start:   c.start,
		End:     c.end,
		Files:   len(files),
		Records: c.records,
		Digest:  c.digest(files),
		After:   progress,
	})
	c.losses.missing = d.m.Missing - missing
	d.a.metrics.cuts.WithLabelValues(reason).Inc()
	d.a.env.Log.Debug(
		"cut", "log", d.log.Name(), "reason", reason, "start", c.start, "end", c.end,
		"records", c.records, "objects", len(files),
	)
	d.sealed = c
	d.a.board.tell(d.log.Name(), func(s *toldCuts) {
		s.Records, s.Bytes, s.Since = 0, 0, time.Time{}
		s.Storing, s.StoringSince, s.storingBegan = c.records, time.Now(), c.began
	})
	d.renew()
	return d.do(ctx, step)
}

// do carries out what the protocol says next.
func (d *drain) do(ctx context.Context, s protocol.Step) error {
	switch s.Kind {
	case protocol.Commit:
		c := d.sealed
		d.spawn(ctx, s.Again, func() func() protocol.Step {
			d.explain(ctx, c)
			err := d.log.Commit(ctx, s.Pos, s.Note)
			d.onCommit(ctx, err)
			return func() protocol.Step { return d.m.Committed(err) }
		})
	case protocol.Refresh:
		d.spawn(ctx, s.Again, func() func() protocol.Step {
			r, _ := record.As[record.Refresher](d.log) // the machine knows whether it can
			pos, note, err := r.Refresh(ctx)
			d.onCommit(ctx, err)
			return func() protocol.Step { return d.m.Refreshed(pos, note, err) }
		})
	case protocol.Upload:
		c := d.sealed
		d.spawn(ctx, 0, func() func() protocol.Step {
			d.explain(ctx, c)
			err := d.a.upload(ctx, &d.id, c, c.end, s.Keep)
			return func() protocol.Step {
				if err != nil {
					return protocol.Step{Kind: protocol.Fail, Err: err}
				}
				return d.m.Uploaded()
			}
		})
	case protocol.Release:
		d.onReleased()
	case protocol.Fail:
		return s.Err
	}
	return nil
}

// spawn runs work in a goroutine of its own after a pause; there is never more than one.
func (d *drain) spawn(ctx context.Context, again int, work func() func() protocol.Step) {
	d.async.Go(func() {
		if pause(ctx, again) != nil {
			return // the drain is ending
		}
		d.results <- work()
	})
}

func (d *drain) onCommit(ctx context.Context, err error) {
	switch {
	case err == nil:
		d.a.failing.commit.Worked(d.log.Name())
	case ctx.Err() == nil:
		d.a.metrics.commitRetries.Inc()
		d.a.failing.commit.Failed(d.log.Name(), err, "log", d.log.Name())
	}
}

// onReleased counts a cut that is archived and committed, and forgets it.
func (d *drain) onReleased() {
	c := d.sealed
	d.sealed = nil
	d.a.board.tell(d.log.Name(), func(s *toldCuts) {
		s.Storing, s.StoringSince = 0, time.Time{}
		s.Stored, s.StoredRecords, s.StoredObjects = time.Now(), c.records, len(c.byPath)
	})
	m := d.a.metrics
	m.records.Add(float64(c.records))
	m.bytes.Add(float64(c.bytes))
	c.events.observe(m.eventAge, time.Now())
	for _, f := range c.byPath {
		m.archived.WithLabelValues(classNames[f.class]).Add(float64(f.count))
		if f.class == partition.DeadLetter {
			d.a.dead.Add(f.count)
		}
	}
	if !c.began.IsZero() {
		d.a.env.Log.Debug(
			"cut archived", "log", d.log.Name(), "start", c.start, "end", c.end,
			"records", c.records, "objects", len(c.byPath),
			"took", time.Since(c.began).Round(time.Millisecond),
		)
	}
	d.release(c)
}
