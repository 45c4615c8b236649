package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

// drain archives one log. Everything here belongs to the goroutine of run; reading, committing and
// uploading happen in others, which answer through channels.
type drain struct {
	a    *Archiver
	log  record.Log
	id   identity
	m    *protocol.Machine
	acct *account

	cur    *cut  // being filled; begins where the sealed one ends
	sealed *cut  // being archived
	pos    int64 // read up to here
	redo   int64 // the end of the cut that has to be made again; 0 for none

	reading      reading
	placing      placement
	completeness completeness

	background
	rolling

	scratch record.Scratch // of batches that are read
	waiting *record.Batch  // cannot be decoded while the schema registry does not answer
	spooled bool           // a record was taken
	finish  finish
}

// background is what goes on in other goroutines: a commit or upload at a time, which answers with
// what the drain is to do about it, and a check.
type background struct {
	results chan func() protocol.Step // capacity 1
	async   sync.WaitGroup
}

// rolling is what roll policies go by, beside the cut itself; see due.
type rolling struct {
	lastRead time.Time
	mark     time.Time // the next minute mark
	flushed  int64     // Archiver.flushes when the last cut for it was sealed
}

// finish says that nothing more is to be read, and what becomes of what was.
type finish uint8

const (
	running    finish = iota
	concluding        // finish the cut that was begun, then end
	draining          // make a last cut, then end
)

func (a *Archiver) newDrain(log record.Log) (*drain, error) {
	id := identify(log, a.env.Agent)
	pos, note := log.Committed()
	before, err := a.settings(log, &id, note)
	if err != nil {
		return nil, err
	}
	_, canReread := record.As[record.Refresher](log)
	if err := former(log); err != nil {
		return nil, err
	}
	m, err := protocol.New(pos, note, id.config, before, newLife(id), canReread)
	if err != nil {
		return nil, err
	}
	id.life = m.Life()
	part, err := partition.New(a.cfg.Config, a.env.Agent, a.codec.fields)
	if err != nil {
		return nil, err
	}
	d := &drain{
		a: a, log: log, id: id, m: m, acct: a.budget.join(), pos: pos,
		reading:    reading{log: log},
		background: background{results: make(chan func() protocol.Step, 1)},
		rolling:    rolling{lastRead: time.Now(), flushed: a.flushes.Load()},
	}
	if a.cfg.Success != nil {
		// A partitioner of its own: it is no use to two goroutines.
		other, err := partition.New(a.cfg.Config, a.env.Agent, a.codec.fields)
		if err != nil {
			return nil, err
		}
		d.completeness.completer = &completer{a: a, log: log, part: other, id: &d.id}
		d.completeness.results = make(chan completion, 1)
	}
	idle := int64(0)
	if a.cfg.Success != nil {
		idle = a.cfg.Success.IdleAfter.Milliseconds()
	}
	d.placing = placement{
		a: a, log: log.Name(), id: &d.id, part: part,
		in: partition.Input{Topic: id.topic, Partition: id.partition},
	}
	d.correctProgress(time.Now())
	d.completeness.clock = protocol.NewClock(m.Progress().Watermark, idle, time.Now().UnixMilli())
	d.cur = a.newCut(d.acct, pos)
	if m.Moved {
		a.metrics.moved.Inc()
		a.env.Log.Warn(
			"the committed position was changed by hand while a cut was begun: objects of that cut may exist beside those to come",
			"log", log.Name(), "position", pos,
			"do", "compare them with \"penstock archive verify\"",
		)
	}
	if in, ok := m.Redo(); ok {
		d.redo, d.placing.asBefore = in.End, in.Config != id.config
		a.metrics.redos.Inc()
		a.env.Log.Info(
			"making a cut again that its owner did not finish", "log", log.Name(),
			"start", in.Start, "end", in.End, "records", in.Records,
		)
	}
	return d, nil
}

// former refuses a log whose former life left a cut half stored: nobody can finish it, and only a
// person can tell what becomes of it.
func former(log record.Log) error {
	m, ok := record.As[record.Mortal](log)
	if !ok {
		return nil
	}
	life, raw := m.Former()
	note, _, err := protocol.ParseNote(raw)
	if err != nil || note.Intent == nil {
		return err
	}
	in := note.Intent
	return fmt.Errorf(
		"the topic was deleted and made again while a cut of its former life (topic id %s) was begun: [%d, %d) with %d records in %d "+
			"objects, of which some may be stored and others cannot be made any more: see what there is with \"penstock archive verify\", then "+
			"give the cut up with \"penstock archive abandon\", with --keep to leave its objects where they are",
		life,
		in.Start,
		in.End,
		in.Records,
		in.Files,
	)
}

func (d *drain) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer d.close()
	defer d.async.Wait()
	defer stop(context.Canceled)
	d.reading.begin(work, d.pos)
	tick := time.NewTicker(d.tick())
	defer tick.Stop()
	done := ctx.Done()
	var deadline <-chan time.Time
	for {
		d.tellFilling()
		if d.finish == draining && d.m.Ready() {
			if d.redo > 0 || d.pos == d.m.Position() {
				return ctx.Err()
			}
			if err := d.seal(work, "end"); err != nil {
				return err
			}
			continue
		}
		if d.finish == concluding && !d.mayConclude() {
			return ctx.Err()
		}
		batches, err := d.admission(work)
		if err != nil {
			return err
		}
		select {
		case in := <-batches:
			if err := d.receive(ctx, work, in); err != nil {
				return err
			}
		case answer := <-d.results:
			if err := d.do(work, answer()); err != nil {
				return err
			}
		case c := <-d.completeness.results:
			d.completeness.took(c)
		case <-tick.C:
			d.unblock()
			d.overdue(time.Now())
			if err := d.complete(work, time.Now()); err != nil {
				return err
			}
			if b := d.waiting; b != nil {
				if err := d.receive(ctx, work, delivery{b: b}); err != nil {
					return err
				}
			}
		case <-d.acct.signal:
		case <-deadline:
			return ctx.Err()
		case <-done:
			if cause := context.Cause(ctx); errors.Is(cause, record.ErrFenced) {
				return cause
			}
			d.finish, done = concluding, nil
			if d.a.cfg.Roll.OnShutdown {
				d.finish = draining
			} else if !errors.Is(context.Cause(ctx), record.ErrReplaced) {
				return ctx.Err()
			}
			timer := time.NewTimer(d.a.cfg.Upload.ShutdownTimeout)
			defer timer.Stop()
			deadline = timer.C
		}
	}
}

// mayConclude reports whether a cut is begun, and nothing known keeps it from being stored. Under
// other settings nobody could make it again.
func (d *drain) mayConclude() bool {
	failing, _, _ := d.a.failing.state(time.Time{})
	return failing.IsZero() && (d.redo > 0 || !d.m.Ready())
}

// receive takes in what was read. Dead letters are not waited for any more once ctx ends; what else
// is under way ends with work.
func (d *drain) receive(ctx, work context.Context, in delivery) error {
	switch {
	case errors.Is(in.err, io.EOF) && d.redo > 0:
		return fmt.Errorf(
			"the log ends at %d, before the end %d of a cut that was begun", d.pos, d.redo,
		)
	case errors.Is(in.err, io.EOF):
		d.finish = draining
		return nil
	case in.err != nil:
		return in.err
	}
	if err := d.take(work, in.b); err != nil {
		return err
	}
	return d.placing.writeDeadLetters(ctx)
}

// tick is how often the clock is looked at.
func (d *drain) tick() time.Duration {
	t := time.Second
	periods := []time.Duration{d.a.cfg.Roll.Age, d.a.cfg.Roll.Idle}
	if s := d.a.cfg.Success; s != nil {
		periods = append(periods, s.Check, s.IdleAfter)
	}
	for _, p := range periods {
		if p > 0 {
			t = min(t, p/4)
		}
	}
	return max(t, 5*time.Millisecond)
}

// close ends the reader and gives everything back.
func (d *drain) close() {
	d.reading.stop()
	d.a.failing.forget(d.log.Name())
	d.a.board.forget(d.log.Name())
	for _, c := range []*cut{d.cur, d.sealed} {
		d.release(c)
	}
	d.acct.leave()
}

func (d *drain) release(c *cut) {
	if c == nil {
		return
	}
	d.a.paths.Add(-int64(len(c.byPath)))
	c.release()
	d.a.budget.setBlocked(false) // there is space now; the next write tells
}

// admission applies the roll policies and the budget, and returns the channel to read from, or nil
// while nothing may be read.
func (d *drain) admission(ctx context.Context) (<-chan delivery, error) {
	redo := d.redo > 0
	if d.finish == draining || d.finish == concluding && !redo || d.waiting != nil {
		return nil, nil
	}
	if !redo && d.pos > d.cur.start {
		reason := d.due(time.Now())
		switch {
		case reason == "":
		case d.m.Ready():
			d.flushed = d.a.flushes.Load() // before the seal, which takes all that was read
			if err := d.seal(ctx, reason); err != nil {
				return nil, err
			}
		case reason == "size" || reason == "records":
			// the cut before is not archived yet: no object grows beyond its limit meanwhile
			return nil, nil
		}
	}
	if d.pos == d.cur.start {
		d.flushed = d.a.flushes.Load() // there is nothing to flush
	}
	d.acct.setOpen(d.cur.size(), redo || !d.m.Ready())
	read, roll, yield := d.acct.admit(redo)
	switch {
	case read:
		return d.reading.batches, nil
	case roll && d.m.Ready() && d.pos > d.cur.start:
		return nil, d.seal(ctx, "pressure")
	case yield && d.cur.size() > 0:
		d.restart(ctx)
	}
	d.lastRead = time.Now() // who does not read cannot tell that the log is idle
	return nil, nil
}

// due returns why a cut is to be made now, or "".
func (d *drain) due(now time.Time) string {
	roll, c := &d.a.cfg.Roll, d.cur
	switch {
	case d.a.flushes.Load() != d.flushed:
		return "flush"
	case roll.Size > 0 && c.made.largestFile() >= roll.Size:
		return "size"
	case roll.Records > 0 && c.records >= roll.Records:
		return "records"
	case roll.Age > 0 && now.Sub(c.began) >= roll.Age:
		return "age"
	case roll.Idle > 0 && now.Sub(d.lastRead) >= roll.Idle &&
		(d.atEnd() || now.Sub(d.lastRead) >= hungAfter*roll.Idle):
		return "idle"
	case !d.mark.IsZero() && !now.Before(d.mark):
		return "minute_mark"
	}
	return ""
}

// Collects returns for how long records may stand in a cut before it is made: that long they are in
// no object, and nothing is amiss.
func (a *Archiver) Collects() time.Duration {
	switch roll := &a.cfg.Roll; {
	case roll.Age > 0:
		return roll.Age
	case len(roll.Minutes) > 0:
		return time.Hour
	}
	return math.MaxInt64 // by size, number or pause: as long as it takes
}

// hungAfter is how many times roll.idle a log that has more to read may give nothing, before its
// cut is no longer held back for it.
const hungAfter = 10

// overdue says, at each tick, that a redo cannot end because the log is shorter than it was: it was
// made anew, or lost its tail.
func (d *drain) overdue(now time.Time) {
	e, ok := record.As[record.Ender](d.log)
	if !ok || d.redo == 0 || now.Sub(d.lastRead) < redoPatience {
		return
	}
	if end := e.End(); end < d.redo {
		d.a.failing.log.Failed(
			d.log.Name(),
			fmt.Errorf("%s ends at %d, the cut that was begun at %d", d.log.Name(), end, d.redo),
		)
	}
}

// redoPatience is how long a redo may wait for records before that is looked into.
const redoPatience = 10 * time.Second

// restart gives up a redo's spool for another redo that is further on, and reads again from the
// beginning of the cut.
func (d *drain) restart(ctx context.Context) {
	d.reading.stop()
	d.release(d.cur)
	d.a.board.forget(d.log.Name()) // a flush does not take it for archived
	d.pos = d.m.Position()
	d.renew()
	d.reading.begin(ctx, d.pos)
}

// renew begins the next cut at pos.
func (d *drain) renew() {
	d.cur = d.a.newCut(d.acct, d.pos)
	d.placing.renew()
}

// unblock tries, at each tick, whether the disk takes writes again.
func (d *drain) unblock() {
	if !d.a.budget.isBlocked() {
		return
	}
	if d.cur.writeHeld() && d.cur.spill() == nil {
		d.a.diskWorks()
	}
}
