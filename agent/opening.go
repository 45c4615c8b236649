package agent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs/overflow"
)

// opened is the outcome of opening a pipeline's buffer.
type opened struct {
	p       *pipeline
	buf     *buffer.Buffer
	orphans []state.Orphan
	err     error
}

// openBuffer opens the pipeline's buffer once after is closed and pause is over, makes sure that
// every output has its cursor before any input can append, and reports the outcome.
func (p *pipeline) openBuffer(after <-chan struct{}, pause time.Duration) {
	if after != nil {
		<-after
	}
	out := opened{p: p}
	if fault.Sleep(p.end, pause) != nil {
		out.err = errStopping
	}
	if !p.plan.spec.Source && out.err == nil {
		out.buf, out.orphans, out.err = p.tryOpen()
	}
	p.a.opened <- out
}

func (p *pipeline) tryOpen() (*buffer.Buffer, []state.Orphan, error) {
	reg := newRegistry("buffer." + p.name)
	buf, err := buffer.Open(
		p.a.dir("buffer", p.name), p.plan.options(p.a.log.With("component", "buffer."+p.name), reg),
	)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range p.plan.outputs {
		cursor, err := buf.Cursor(o.id)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("cursor of %s: %w", o.id, err), buf.Close())
		}
		cursor.Close()
	}
	for _, name := range p.plan.readerCursors() {
		cursor, err := buf.Cursor(name)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("cursor of %s: %w", name, err), buf.Close())
		}
		cursor.Close()
	}
	if err := p.checkPlaces(buf); err != nil {
		return nil, nil, errors.Join(err, buf.Close())
	}
	a := &auditor{buf: buf, log: p.log}
	reg.MustRegister(a.gauge())
	p.auditor.Store(a)
	p.a.registries.show(reg)
	p.fronts.Lock()
	p.orphanedInputs = p.findOrphanedInputs(buf)
	p.fronts.Unlock()
	return buf, p.findOrphans(buf), nil
}

// findOrphans returns the outputs that are gone and whose cursors hold what they have not passed.
func (p *pipeline) findOrphans(buf *buffer.Buffer) (out []state.Orphan) {
	for _, c := range buf.Cursors() {
		if slices.Contains(p.plan.readerCursors(), c.Name) {
			continue
		}
		if !slices.ContainsFunc(
			p.plan.outputs, func(o *outputPlan) bool { return o.id == c.Name },
		) {
			one := state.Orphan{ID: c.Name, Records: c.Lag, Overflow: overflow.LeftBehind(c.Note)}
			out = append(out, one)
			p.log.Warn(
				"the buffer keeps data for an output that is not configured any more: configure it again to have it delivered, or give it up: stop the agent and run penstock buffer forget",
				"output", c.Name, "records", c.Lag, "buffer", p.a.dir("buffer", p.name),
				"overflow", one.Overflow,
			)
		}
	}
	return out
}
