package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/joining"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus"
)

// inputCounters count what an input has brought.
type inputCounters struct {
	records, bytes prometheus.Counter
	eventAge       prometheus.Histogram
}

func newInputCounters(reg prometheus.Registerer) *inputCounters {
	c := &inputCounters{
		records: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_input_records_total",
				Help: "Records an input has read and the pipeline has accepted.",
			},
		),
		bytes: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_input_bytes_total",
				Help: "Bytes an input has read and the pipeline has accepted, before compression.",
			},
		),
		eventAge: prometheus.NewHistogram(
			prometheus.HistogramOpts{
				Name:    "penstock_input_event_age_seconds",
				Help:    "Time from an event, as its record's time says, until an input has read it and the pipeline has accepted it; of the newest record of each batch.",
				Buckets: record.AgeBuckets,
			},
		),
	}
	reg.MustRegister(c.records, c.bytes, c.eventAge)
	return c
}

func (c *inputCounters) add(b *record.Batch) {
	c.records.Add(float64(b.Len()))
	c.bytes.Add(float64(b.Size()))
	if age, ok := b.Age(time.Now()); ok {
		c.eventAge.Observe(age.Seconds())
	}
}

// sink is a pipeline's buffer as one input sees it.
type sink struct {
	buf        *buffer.Buffer
	input      string
	id         int64 // of the input, for its batches
	p          *pipeline
	tap        *admin.Tap
	count      *inputCounters
	rate       state.Meter // records
	unrouted   prometheus.Counter
	tooLarge   prometheus.Counter
	warned     atomic.Int64 // Unix seconds of the last warning of unrouted records
	replay     bool         // what comes with positions can be read again
	deadLetter func(ctx context.Context, b *record.Batch, reason string) error
	front      *frontSink // nil for none
	// is asked how much it holds; nil for none
	joiner atomic.Pointer[joining.Joiner]
}

func newSink(
	buf *buffer.Buffer, in *inputPlan, input inputs.Input, reg prometheus.Registerer, p *pipeline,
) *sink {
	r, ok := input.(inputs.Replayer)
	s := &sink{
		// What readers of the buffer have taken must not come again under another position.
		replay:     ok && r.Replayable() && len(in.readers) == 0,
		deadLetter: in.deadLetter,
		buf:        buf,
		input:      in.id,
		id:         record.InputID(in.id),
		p:          p,
		count:      newInputCounters(reg),
		tooLarge: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_input_too_large_records_total",
				Help: "Records that the buffer could never hold; they are in the input's dead letter.",
			},
		),
		unrouted: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_input_unrouted_records_total",
				Help: "Records whose tag no route of the pipeline matches: they reach no output.",
			},
		),
	}
	held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_input_held_events",
		Help: "Events of several lines or records that wait for what belongs to them, in the input or in front of the buffer.",
	}, func() float64 {
		n := s.held()
		if f, ok := input.(inputs.Follower); ok {
			now, _ := f.Following()
			n += now.Held
		}
		return float64(n)
	})
	reg.MustRegister(s.unrouted, s.tooLarge, held)
	return s
}

// held returns how many events filters hold in front of the buffer.
func (s *sink) held() int64 {
	if j := s.joiner.Load(); j != nil {
		return j.Held()
	}
	return 0
}

// Append implements inputs.Sink.
func (s *sink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	kept, err := true, error(nil)
	if s.front != nil {
		err = s.front.take(ctx, b, positions, done)
	} else {
		kept, err = s.append(ctx, b, positions, len(positions) > 0, done)
	}
	if err != nil || b == nil || !kept {
		return err
	}
	s.count.add(b)
	s.p.a.processors.pass(b.Size())
	now := time.Now()
	s.rate.Add(float64(b.Len()), now)
	s.p.inputRate.Add(float64(b.Len()), now)
	s.p.tap.Publish(b)
	s.tap.Publish(b)
	if routed := s.p.current.Load().isRouted; routed != nil && !routed(b.Tag) {
		s.unrouted.Add(float64(b.Len()))
		if last, now := s.warned.Load(), time.Now().
			Unix(); now-last >= 300 &&
			s.warned.CompareAndSwap(last, now) {
			s.p.log.Warn(
				"records reach no output: no route matches their tag; add otherwise = [...] to the pipeline",
				"input", s.input, "tag", b.Tag,
			)
		}
	}
	return nil
}

// append appends to the buffer. Unless kept, the batch is too large for it, and in the dead letter.
func (s *sink) append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, replayable bool,
	done func(error),
) (kept bool, err error) {
	if b != nil {
		b.Input = s.id
	}
	add := s.buf.Append
	if s.replay && replayable {
		add = s.buf.AppendReplayable
	}
	err = add(ctx, s.input, b, positions, done)
	if !errors.Is(err, buffer.ErrTooLarge) {
		return true, err
	}
	if berr := s.deadLetter(ctx, b, err.Error()); berr != nil {
		return false, berr
	}
	s.p.log.Warn(
		"records are too large for the buffer; they are in the dead letter", "input", s.input,
		"tag", b.Tag, "origin", b.Origin, "records", b.Len(), "error", err,
		"do", "raise the buffer's max_size to several times the largest batch, or have the input split what is large",
	)
	s.tooLarge.Add(float64(b.Len()))
	return false, add(ctx, s.input, nil, positions, done)
}

// Pack implements inputs.Packer. What filters in front of the buffer are to see stays as it is.
func (s *sink) Pack(b *record.Batch) error {
	if s.front != nil {
		return nil
	}
	b.Input = s.id
	return s.buf.Pack(b)
}

// TakesMaps implements inputs.MapTaker. Filters in front of the buffer want to see records.
func (s *sink) TakesMaps() bool {
	return s.front == nil && s.p.current.Load().takesMaps && s.buf.Permit(record.Msgpack)
}

// Flush implements inputs.Flusher.
func (s *sink) Flush() { s.buf.Flush() }

// Spill implements inputs.Spiller.
func (s *sink) Spill(reason string) { s.buf.Spill(reason) }

// Placed implements inputs.Acknowledger.
func (s *sink) Placed(tag, origin string) (pos int64, ok bool) {
	if s.front != nil && s.front.joiner.Holds(s.front.tag(tag), origin) {
		return 0, false
	}
	return s.buf.Placed(), true
}

// Acknowledged implements inputs.Acknowledger. An output that has not begun yet has nothing. Other
// pipelines that the input feeds have what is in their buffers.
func (s *sink) Acknowledged(pos int64) (bool, error) {
	plan := s.p.current.Load()
	cursors := plan.readerCursors()
	for _, o := range plan.outputs {
		cursors = append(cursors, o.id)
	}
	return s.buf.Passed(pos, cursors...)
}

// Positions implements inputs.Sink.
func (s *sink) Positions() map[string][]byte {
	return inputPositions(s.buf, s.input)
}

// inputPositions returns what an input has stored itself.
func inputPositions(buf *buffer.Buffer, input string) map[string][]byte {
	positions := joining.WithoutHeld(buf.Positions(input))
	delete(positions, placeKey)
	return positions
}

// place returns how far the input is read in its owner's buffer.
func (s *sink) place() (p place, ok bool) { return placeIn(s.buf.Positions(s.input)) }
