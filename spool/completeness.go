package spool

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/protocol"
)

// completion is what a check has found.
type completion struct {
	progress protocol.Progress
	atEnd    int64 // the log was idle and read to its end at this moment; 0 if not
}

// completeness is what a drain knows of how far its log has come, and of what the completer has
// found, whose checks run one at a time. It belongs to the drain's goroutine; completer belongs to
// the check's while one runs.
type completeness struct {
	clock     protocol.Clock
	completer *completer // nil if nobody is told
	results   chan completion
	checked   time.Time // when the last check was due
	checking  bool
	found     *protocol.Progress // by the last check; not stored yet
}

// follow takes a record that was added into account. event is its event time, if it has one.
func (c *completeness) follow(r *record.Record, event eventTime, now time.Time) {
	own := int64(0)
	if _, beyond := r.Beyond(); !beyond {
		own = r.Time / 1e6
	}
	if event.known {
		c.clock.Timed(event.ns/1e6, own, now.UnixMilli())
	} else {
		c.clock.Untimed(own, now.UnixMilli())
	}
}

// took takes over what a check has found.
func (c *completeness) took(done completion) {
	c.checking = false
	c.found = &done.progress
	if done.atEnd > 0 {
		c.clock.AtEnd(done.atEnd)
	}
}

// progress is stored, with what the last check has found.
func (c *completeness) progress(stored protocol.Progress) protocol.Progress {
	if c.found != nil {
		stored.Completed, stored.HooksDone = c.found.Completed, c.found.HooksDone
	}
	return stored
}

// complete runs a check in the background when it is time for one, and stores progress that no cut
// will carry.
func (d *drain) complete(ctx context.Context, now time.Time) error {
	cfg, c := d.a.cfg.Success, &d.completeness
	if cfg == nil || d.redo > 0 || d.finish == draining || now.Sub(c.checked) < cfg.Check {
		return nil
	}
	c.checked = now
	quiet := d.m.Ready() && d.cur.records == 0
	if !c.checking {
		c.checking = true
		own, pos := c.progress(d.m.Progress()), d.pos
		idle := quiet && c.clock.IsIdle(now.UnixMilli()) && pos == d.m.Position() && d.atEnd()
		d.async.Go(func() {
			var out completion
			if idle && d.endsAt(ctx, pos) {
				out.atEnd = now.UnixMilli()
			}
			var err error
			out.progress, err = c.completer.check(ctx, own, now)
			switch {
			case err == nil && !c.completer.failing():
				d.a.failing.complete.Worked(d.log.Name())
			case err != nil && ctx.Err() == nil:
				d.a.failing.complete.Failed(d.log.Name(), err, "log", d.log.Name())
			}
			c.results <- out
		})
	}
	if !quiet {
		return nil
	}
	p := c.progress(d.m.Progress())
	p.Watermark = max(p.Watermark, c.clock.Mark())
	if p == d.m.Progress() {
		return nil
	}
	return d.do(ctx, d.m.NoteProgress(p))
}

// atEnd reports whether everything appended to the log was read, as far as the log knows its end.
func (d *drain) atEnd() bool {
	e, ok := record.As[record.Ender](d.log)
	return !ok || e.End() <= d.pos
}

// endsAt asks a log that can be asked whether it really ends at pos: one whose broker is away gives
// nothing either.
func (d *drain) endsAt(ctx context.Context, pos int64) bool {
	f, ok := record.As[record.EndFinder](d.log)
	if !ok {
		return true
	}
	end, err := f.FindEnd(ctx)
	return errors.Is(err, errors.ErrUnsupported) || err == nil && end <= pos
}

// correctProgress mends what earlier releases may have noted, who believed times in the future.
func (d *drain) correctProgress(now time.Time) {
	back := int64(0)
	if start, _, ok := d.placing.part.Span(now); ok {
		back = start.UnixMilli()
	}
	was := d.m.Progress()
	p := was.Sound(now.UnixMilli(), back)
	if p == was {
		return
	}
	d.m.Correct(p)
	d.a.env.Log.Warn(
		"the note of a log tells of event times in the future: completeness goes on from the present",
		"log", d.log.Name(), "watermark", time.UnixMilli(was.Watermark).UTC(),
		"completed", time.UnixMilli(was.Completed).UTC(),
		"do", "partitions up to that time may have been marked before they were complete: remove the markers of those that are to come",
	)
}

// first is where completeness begins to be looked at for a log that is archived for the first time:
// a day before its first event, for other partitions may have older ones.
func (d *drain) first() int64 {
	at := d.completeness.clock.First()
	if at == 0 {
		return 0
	}
	start, _, ok := d.placing.part.Span(time.UnixMilli(at).AddDate(0, 0, -1))
	if !ok {
		return 0
	}
	return start.UnixMilli()
}
