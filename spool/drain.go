package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

// drain archives one log. Everything here belongs to the goroutine of run; reading, committing and uploading happen in others, which
// answer through channels.
type drain struct {
	a    *Archiver
	log  record.Log
	id   identity
	part *partition.Partitioner
	m    *protocol.Machine
	acct *account

	cur    *cut  // being filled; begins where the sealed one ends
	sealed *cut  // being archived
	pos    int64 // read up to here
	redo   int64 // the end of the cut that has to be made again; 0 for none

	in      partition.Input
	key     []byte
	lastKey []byte
	last    *file
	row     []byte

	batches  chan delivery
	stopRead context.CancelFunc
	reader   sync.WaitGroup
	results  chan func() protocol.Step
	async    sync.WaitGroup

	waiting  *record.Batch // cannot be decoded while the schema registry does not answer
	lastRead time.Time
	mark     time.Time // the next minute mark
	spooled  bool
	finish   finish
}

type delivery struct {
	b   *record.Batch
	err error
}

// finish says that nothing more is to be read, and what becomes of what was.
type finish uint8

const (
	running  finish = iota
	draining        // make a last cut, then end
)

func (a *Archiver) newDrain(log record.Log) (*drain, error) {
	pos, note := log.Committed()
	_, canReread := log.(record.Refresher)
	m, err := protocol.New(pos, note, a.hash, canReread)
	if err != nil {
		return nil, err
	}
	part, err := partition.New(a.cfg.Config, a.env.Agent, a.codec.fields)
	if err != nil {
		return nil, err
	}
	d := &drain{
		a: a, log: log, id: identify(log, a.env.Agent), part: part, m: m, acct: a.budget.join(), pos: pos,
		results: make(chan func() protocol.Step, 1), lastRead: time.Now(),
	}
	d.in = partition.Input{Topic: d.id.topic, Partition: d.id.partition}
	d.cur = a.newCut(d.acct, pos)
	if m.Moved {
		a.metrics.moved.Inc()
		a.env.Log.Warn("the committed position was changed by hand while a cut was begun: objects of that cut may exist beside those to come",
			"log", log.Name(), "position", pos, "do", "compare them with \"penstock archive verify\"")
	}
	if in, ok := m.Redo(); ok {
		d.redo = in.End
		a.metrics.redos.Inc()
		a.env.Log.Info("making a cut again that its owner did not finish", "log", log.Name(), "start", in.Start, "end", in.End, "records", in.Records)
	}
	return d, nil
}

func (d *drain) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer d.close()
	defer d.async.Wait()
	defer stop(context.Canceled)
	d.read(work)
	tick := time.NewTicker(d.tick())
	defer tick.Stop()
	done := ctx.Done()
	var deadline <-chan time.Time
	for {
		if d.finish == draining && d.m.Ready() {
			if d.redo > 0 || d.pos == d.m.Position() {
				return ctx.Err()
			}
			if err := d.seal(work, "end"); err != nil {
				return err
			}
			continue
		}
		batches, err := d.admission(work)
		if err != nil {
			return err
		}
		select {
		case in := <-batches:
			if in.err != nil {
				if !errors.Is(in.err, io.EOF) {
					return in.err
				}
				d.finish = draining
				continue
			}
			if err := d.take(work, in.b); err != nil {
				return err
			}
		case answer := <-d.results:
			if err := d.do(work, answer()); err != nil {
				return err
			}
		case <-tick.C:
			d.unblock()
			if b := d.waiting; b != nil {
				if err := d.take(work, b); err != nil {
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
			if !d.a.cfg.Roll.OnShutdown {
				return ctx.Err()
			}
			d.finish, done = draining, nil
			timer := time.NewTimer(d.a.cfg.Upload.ShutdownTimeout)
			defer timer.Stop()
			deadline = timer.C
		}
	}
}

// tick is how often the clock is looked at.
func (d *drain) tick() time.Duration {
	t := time.Second
	for _, p := range []time.Duration{d.a.cfg.Roll.Age, d.a.cfg.Roll.Idle} {
		if p > 0 {
			t = min(t, p/4)
		}
	}
	return max(t, 5*time.Millisecond)
}

// close ends the reader and gives everything back.
func (d *drain) close() {
	d.stop()
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
	if err := c.release(); err != nil {
		d.a.env.Log.Warn("a working file stays behind until the next start", "error", err)
	}
	d.a.budget.setBlocked(false) // there is space now; the next write tells
}

// read starts the reader at pos.
func (d *drain) read(ctx context.Context) {
	ctx, d.stopRead = context.WithCancel(ctx)
	d.batches = make(chan delivery)
	batches, pos := d.batches, d.pos
	d.reader.Go(func() {
		err := d.log.SeekTo(pos)
		for {
			var b *record.Batch
			if err == nil {
				b, err = d.log.Next(ctx)
			}
			select {
			case batches <- delivery{b, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
}

func (d *drain) stop() {
	d.stopRead()
	d.reader.Wait()
}

// admission applies the roll policies and the budget, and returns the channel to read from, or nil while nothing may be read.
func (d *drain) admission(ctx context.Context) (<-chan delivery, error) {
	if d.finish == draining || d.waiting != nil {
		return nil, nil
	}
	redo := d.redo > 0
	if !redo && d.pos > d.cur.start {
		reason := d.due(time.Now())
		switch {
		case reason == "":
		case d.m.Ready():
			if err := d.seal(ctx, reason); err != nil {
				return nil, err
			}
		case reason == "size" || reason == "records":
			return nil, nil // the cut before is not archived yet: no object grows beyond its limit meanwhile
		}
	}
	d.acct.setOpen(d.cur.size(), redo || !d.m.Ready())
	read, roll, yield := d.acct.admit(redo)
	switch {
	case read:
		return d.batches, nil
	case roll && d.m.Ready() && d.pos > d.cur.start:
		return nil, d.seal(ctx, "pressure")
	case yield && d.cur.size() > 0:
		d.restart(ctx)
	}
	return nil, nil
}

// due returns why a cut is to be made now, or "".
func (d *drain) due(now time.Time) string {
	roll, c := &d.a.cfg.Roll, d.cur
	switch {
	case roll.Size > 0 && c.largestFile() >= roll.Size:
		return "size"
	case roll.Records > 0 && c.records >= roll.Records:
		return "records"
	case roll.Age > 0 && now.Sub(c.began) >= roll.Age:
		return "age"
	case roll.Idle > 0 && now.Sub(d.lastRead) >= roll.Idle:
		return "idle"
	case !d.mark.IsZero() && !now.Before(d.mark):
		return "minute_mark"
	}
	return ""
}

// restart gives up a redo's spool for another redo that is further on, and reads again from the beginning of the cut.
func (d *drain) restart(ctx context.Context) {
	d.stop()
	d.release(d.cur)
	d.pos = d.m.Position()
	d.renew()
	d.read(ctx)
}

// renew begins the next cut at pos.
func (d *drain) renew() {
	d.cur = d.a.newCut(d.acct, d.pos)
	d.last, d.lastKey = nil, d.lastKey[:0]
}

// unblock tries, at each tick, whether the disk takes writes again.
func (d *drain) unblock() {
	if !d.a.budget.isBlocked() {
		return
	}
	if d.cur.settle() && d.cur.spill() == nil {
		d.a.diskWorks()
	}
}

// take adds a batch, or keeps what of it cannot be decoded for the next tick.
func (d *drain) take(ctx context.Context, b *record.Batch) error {
	err := d.add(ctx, b)
	if errors.Is(err, decode.ErrUnavailable) {
		d.waiting = b
		d.a.decodeTrouble.failed(err, "log", d.log.Name())
		return nil
	}
	if err == nil && d.waiting != nil {
		d.waiting = nil
		d.a.decodeTrouble.worked()
	}
	return err
}

func (d *drain) add(ctx context.Context, b *record.Batch) error {
	if b.End <= d.pos && b.Len() > 0 {
		return nil
	}
	now := time.Now()
	d.lastRead = now
	if d.id.topic == "" {
		d.in.Topic = b.Tag
	}
	d.in.Tag = b.Tag
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

// addRecord puts one record into the file it belongs to.
func (d *drain) addRecord(r *record.Record) error {
	d.in.Record = r
	key, res, err := d.part.Key(d.key[:0], &d.in)
	d.key = key
	if err != nil {
		return err
	}
	f := d.last
	if f == nil || !bytes.Equal(key, d.lastKey) {
		if f = d.cur.byKey[string(key)]; f == nil {
			if f, err = d.newFile(&res); err != nil {
				return err
			}
		}
		d.last, d.lastKey = f, append(d.lastKey[:0], d.key...)
	}
	if f.class == partition.DeadLetter {
		d.row = appendDeadLetter(d.row[:0], &d.in, res.Reason)
	} else if d.row, err = f.format.AppendRow(d.row[:0], &d.in); err != nil {
		if errors.Is(err, decode.ErrUnavailable) {
			return err
		}
		if f, err = d.refused(err); err != nil {
			return err
		}
	}
	if res.Timed && (r.Time <= 0 || res.Time <= r.Time+int64(maxAhead)) {
		d.cur.maxTime = max(d.cur.maxTime, res.Time/1e6)
	}
	d.cur.bytes += int64(len(r.Key) + len(r.Value))
	d.spooled = true
	return d.cur.add(f, r, d.row)
}

// maxAhead is how far an event time may lie after the record's own time and still move the watermark: one wrong clock must not complete
// all partitions.
const maxAhead = time.Hour

// newFile returns the file for d.key, which was not seen before in this cut.
func (d *drain) newFile(res *partition.Result) (*file, error) {
	path, err := d.part.Path(d.key)
	if err != nil {
		if d.a.cfg.OnMissing == "stop" {
			return nil, fmt.Errorf("record %d: %w, and %w", d.in.Record.Offset, err, partition.ErrStop)
		}
		res.Class, res.Reason = partition.DeadLetter, partition.ErrPath
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

// refused makes a dead letter of a record that the format cannot hold.
func (d *drain) refused(reason error) (*file, error) {
	if d.a.cfg.OnMissing == "stop" {
		return nil, fmt.Errorf("record %d: %w, and %w", d.in.Record.Offset, reason, partition.ErrStop)
	}
	d.key = d.part.DeadLetterKey(d.key[:0], &d.in)
	f := d.cur.byKey[string(d.key)]
	if f == nil {
		var err error
		if f, err = d.newFile(&partition.Result{Class: partition.DeadLetter}); err != nil {
			return nil, err
		}
	}
	d.last = nil
	d.row = appendDeadLetter(d.row[:0], &d.in, reason)
	return f, nil
}
