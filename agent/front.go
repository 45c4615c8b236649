package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/joining"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
)

// front is the filters of a pipeline that work in front of its buffer: those that join records, and
// what is written before them.
type front struct {
	chain       filter.Chain
	multilines  []*filter.Multiline
	fingerprint string
}

// tag returns the tag that a batch tagged tag comes to the buffer with.
func (f *front) tag(tag string) string {
	if f == nil {
		return tag
	}
	return f.chain.Tag(tag)
}

// front returns how many of the pipeline's filters work in front of the buffer, and how; nil for
// none.
func (b *builder) front(spec *config.Pipeline) (n int, f *front) {
	for i, id := range spec.Filter {
		inst := b.cfg.Find(id)
		if _, joins := inst.Config.(*filter.MultilineConfig); !joins {
			continue
		}
		switch {
		case n > 0 && n != i:
			b.fail(inst, fmt.Errorf(
				"pipeline %s has another filter multiline further before it: write one right after the other, the filters for what both see before the first, and what needs joined records after the last; each record is joined by the first of which the if holds",
				spec.Name,
			))
			return 0, nil
		case spec.Source:
			b.fail(inst, fmt.Errorf(
				"multiline works in front of a buffer, and %s has none: records are joined before they come to the topic",
				strings.Join(spec.From, ", "),
			))
			return 0, nil
		}
		n = i + 1
	}
	if n == 0 {
		return 0, nil
	}
	f = &front{}
	var fingerprints []string
	for _, id := range spec.Filter[:n] {
		built := b.filter(id)
		if built == nil {
			return n, nil
		}
		b.checkMetric(id, built)
		if why := filter.WhyNotInFront(built.Filter); why != "" {
			b.fail(b.cfg.Find(id), fmt.Errorf(
				"%s, and cannot stand before a multiline filter, which works in front of the buffer: write it after that one",
				why,
			))
		}
		fingerprints = append(fingerprints, built.fingerprint)
		if m := filter.MultilineOf(built.Filter); m != nil {
			f.multilines = append(f.multilines, m)
		} else {
			f.chain = append(f.chain, built.Filter)
		}
	}
	f.fingerprint = strings.Join(fingerprints, " ")
	return n, f
}

// frontSink is a sink behind the filters in front of the buffer.
type frontSink struct {
	*front // nil where there are none
	sink   *sink
	joiner *joining.Joiner
}

// openFront has the input of s go on with what is held of it, and what is held of inputs that are
// gone delivered.
func (p *pipeline) openFront(ctx context.Context, s *sink, f *front) error {
	p.fronts.Lock()
	defer p.fronts.Unlock()
	for _, input := range p.orphanedInputs {
		if input == s.input {
			continue
		}
		other := &sink{
			buf: s.buf, input: input, id: record.InputID(input), p: p, tooLarge: s.tooLarge,
			deadLetter: s.deadLetter,
		}
		if err := other.release(ctx); err != nil {
			return err
		}
	}
	p.orphanedInputs = nil
	if f == nil {
		return s.release(ctx)
	}
	front := &frontSink{front: f, sink: s}
	var err error
	front.joiner, err = joining.New(ctx, f.multilines, front, p.log.With("input", s.input))
	if err == nil {
		s.joiner.Store(front.joiner)
		s.front = front
	}
	return err
}

// closeFront is called when the input has ended. With deliver, what is held is appended.
func (s *sink) closeFront(deliver bool) {
	if s.front == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := s.front.joiner.Close(ctx, deliver); err != nil {
		s.p.log.Warn(
			"what a multiline filter holds could not be appended; it stays in the buffer's directory",
			"input", s.input, "error", err, "do", "start the agent again: it is delivered then",
		)
	}
}

// deliversHeld reports whether what is held of an input that has ended is to be delivered: nobody
// goes on with it.
func (p *pipeline) deliversHeld(in *inputPlan, stopped bool, err error) bool {
	if !stopped {
		return err == nil
	}
	return !slices.ContainsFunc(p.current.Load().inputs, func(other *inputPlan) bool {
		return other.id == in.id && other.fingerprint != in.fingerprint
	})
}

// release appends what a multiline filter has held that is not there any more.
func (s *sink) release(ctx context.Context) error {
	n, err := joining.Release(ctx, &frontSink{sink: s})
	if n > 0 {
		s.p.log.Info(
			"records are delivered as they came that a multiline filter held, which is gone",
			"input", s.input, "records", n,
		)
	}
	return err
}

// findOrphanedInputs returns the inputs that are gone and of which something is held.
func (p *pipeline) findOrphanedInputs(buf *buffer.Buffer) (out []string) {
	for _, name := range p.plan.goneInputs(buf) {
		if joining.Holds(buf.Positions(name)) {
			out = append(out, name)
		}
	}
	return out
}

// take takes a batch through all filters in front of the buffer.
func (f *frontSink) take(
	ctx context.Context, b *record.Batch, positions []record.Position, done func(error),
) (err error) {
	if b == nil {
		return f.joiner.Append(ctx, nil, positions, done)
	}
	out := f.chain.Apply(b)
	if err := deadByReason(ctx, b, out.Refused, f.sink.deadLetter); err != nil {
		return err
	}
	switch {
	case out.Batch.Len() == 0:
		return f.joiner.Append(ctx, nil, positions, done)
	case out.Batch != b:
		if b, err = joining.Rebuilt(out.Batch); err != nil {
			return err
		}
	}
	return f.joiner.Append(ctx, b, positions, done)
}

// Append implements joining.Store.
func (f *frontSink) Append(
	ctx context.Context, b *record.Batch, positions []record.Position, replayable bool,
	done func(error),
) error {
	_, err := f.sink.append(ctx, b, positions, replayable, done)
	return err
}

// Positions implements joining.Store.
func (f *frontSink) Positions() map[string][]byte { return f.sink.buf.Positions(f.sink.input) }

// DeadLetter implements joining.Store.
func (f *frontSink) DeadLetter(ctx context.Context, b *record.Batch, reason string) error {
	return f.sink.deadLetter(ctx, b, reason)
}
