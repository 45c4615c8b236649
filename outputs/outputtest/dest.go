package outputtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// Received is one record as the destination got it.
type Received struct {
	Tag, Origin, Topic string
	Record             record.Record // deep copy
}

// Dest is a destination in memory, with a Writer and an AsyncWriter in front of it. Safe for
// concurrent use.
type Dest struct {
	mu       sync.Mutex
	changed  chan struct{}
	got      []Received
	down     bool
	hung     bool
	judge    func(r *record.Record) error
	before   func(b *record.Batch) error
	latency  func() time.Duration
	inflight map[string]int
	probes   int
	probing  error // how a probe ends, while writing is as it is
}

// ErrDown is what a destination that is down answers.
var ErrDown = errors.New("connection refused")

// NewDest returns a destination that takes everything at once.
func NewDest() *Dest { return &Dest{changed: make(chan struct{}), inflight: map[string]int{}} }

// SetDown makes every write fail at once, and every probe.
func (d *Dest) SetDown(down bool) { d.set(func() { d.down = down }) }

// SetProbe has every probe end with err.
func (d *Dest) SetProbe(err error) { d.set(func() { d.probing = err }) }

// SetHung makes every write wait for its ctx to end, or for the destination to mend.
func (d *Dest) SetHung(hung bool) { d.set(func() { d.hung = hung }) }

// SetJudge asks judge about each record: an error refuses it, for good if it is Permanent.
func (d *Dest) SetJudge(judge func(r *record.Record) error) { d.set(func() { d.judge = judge }) }

// SetBefore asks before about each batch: an error refuses it as a whole.
func (d *Dest) SetBefore(before func(b *record.Batch) error) { d.set(func() { d.before = before }) }

// SetLatency makes each write take as long as latency says.
func (d *Dest) SetLatency(latency func() time.Duration) { d.set(func() { d.latency = latency }) }

func (d *Dest) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	d.wake()
}

func (d *Dest) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Received returns all records in the order of their arrival.
func (d *Dest) Received() []Received {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Received(nil), d.got...)
}

// Count returns the number of records received.
func (d *Dest) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.got)
}

// Probes returns how often the destination was probed.
func (d *Dest) Probes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.probes
}

// Wait waits until ok holds, which is asked after each change.
func (d *Dest) Wait(ctx context.Context, ok func(got []Received) bool) error {
	for {
		d.mu.Lock()
		changed, got := d.changed, d.got[:len(d.got):len(d.got)]
		d.mu.Unlock()
		if ok(got) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting with %d records received: %w", len(got), ctx.Err())
		}
	}
}

// write takes b; the order in which calls take their records is the order of arrival.
func (d *Dest) write(ctx context.Context, b *record.Batch) error {
	d.mu.Lock()
	latency := d.latency
	d.mu.Unlock()
	if latency != nil {
		t := time.NewTimer(latency())
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		d.mu.Lock()
		if !d.hung {
			break
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer d.mu.Unlock()
	if d.down {
		return ErrDown
	}
	if d.before != nil {
		if err := d.before(b); err != nil {
			return err
		}
	}
	recs, err := b.Records()
	if err != nil {
		return err
	}
	var partial outputs.PartialError
	i := -1
	for r := range recs {
		i++
		if d.judge != nil {
			if err := d.judge(r); err != nil {
				partial.Records = append(partial.Records, outputs.RecordError{Index: i, Err: err})
				continue
			}
		}
		d.got = append(
			d.got, Received{Tag: b.Tag, Origin: b.Origin, Topic: b.Topic, Record: r.Clone()},
		)
	}
	d.wake()
	if partial.Records != nil {
		return &partial
	}
	return nil
}

// Probe implements outputs.Prober for both writers.
func (d *Dest) Probe(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.probes++
	if d.down || d.hung {
		return ErrDown
	}
	return d.probing
}

// Writer returns a Writer in front of d that can be probed. It panics when two batches of one
// origin are written at once.
func (d *Dest) Writer() outputs.Writer {
	return struct {
		outputs.Writer
		outputs.Prober
	}{writer{d}, d}
}

// BlindWriter is Writer without the means to probe.
func (d *Dest) BlindWriter() outputs.Writer { return writer{d} }

type writer struct{ d *Dest }

func (w writer) Write(ctx context.Context, b *record.Batch) error {
	w.d.mu.Lock()
	w.d.inflight[b.Origin]++
	n := w.d.inflight[b.Origin]
	w.d.mu.Unlock()
	if n > 1 {
		panic("two batches of origin " + b.Origin + " written at once")
	}
	defer func() {
		w.d.mu.Lock()
		w.d.inflight[b.Origin]--
		w.d.mu.Unlock()
	}()
	return w.d.write(ctx, b)
}

func (writer) Close() error { return nil }

// AsyncWriter returns an AsyncWriter in front of d that keeps order per origin, answers out of
// order, and can be probed. As a Kafka producer does, once a batch of an origin has failed it fails
// those of the same origin that are behind it in flight.
func (d *Dest) AsyncWriter(limit int) outputs.AsyncWriter {
	a := &asyncWriter{d: d, room: make(chan struct{}, limit), queues: map[string]*asyncQueue{}}
	return struct {
		outputs.AsyncWriter
		outputs.Prober
	}{a, d}
}

type asyncWriter struct {
	d    *Dest
	room chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	queues map[string]*asyncQueue
}

type asyncQueue struct {
	jobs    []asyncJob
	running bool
	failed  context.Context // what comes with it is behind a batch that failed, here or in Start
}

type asyncJob struct {
	ctx  context.Context
	b    *record.Batch
	done func(error)
}

var errBehind = errors.New("a batch before this one failed")

func (a *asyncWriter) Start(ctx context.Context, b *record.Batch, done func(error)) {
	select {
	case a.room <- struct{}{}:
	case <-ctx.Done():
		a.mu.Lock()
		a.queue(b.Origin).failed = ctx
		a.mu.Unlock()
		done(ctx.Err())
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.queue(b.Origin)
	q.jobs = append(q.jobs, asyncJob{ctx, b, done})
	if !q.running {
		q.running = true
		a.wg.Go(func() { a.drain(q) })
	}
}

// queue returns that of an origin. The caller holds the mutex.
func (a *asyncWriter) queue(origin string) *asyncQueue {
	q := a.queues[origin]
	if q == nil {
		q = &asyncQueue{}
		a.queues[origin] = q
	}
	return q
}

// drain works on one origin until nothing of it is in flight.
func (a *asyncWriter) drain(q *asyncQueue) {
	for {
		a.mu.Lock()
		if len(q.jobs) == 0 {
			q.running = false
			a.mu.Unlock()
			return
		}
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		isBehind := q.failed == j.ctx
		a.mu.Unlock()
		err := errBehind
		if !isBehind {
			err = a.d.write(j.ctx, j.b)
			var partial *outputs.PartialError
			if err != nil && !outputs.IsPermanent(err) && !errors.As(err, &partial) {
				a.mu.Lock()
				q.failed = j.ctx
				a.mu.Unlock()
			}
		}
		<-a.room
		j.done(err)
	}
}

func (a *asyncWriter) Close() error {
	a.wg.Wait()
	return nil
}
