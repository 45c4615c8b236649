package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/prometheus/client_golang/prometheus"
)

// pipeline is a plan that has been started. The goroutine of Agent.Run owns it; others read it
// under Agent.mu.
type pipeline struct {
	a         *Agent
	plan      *plan
	name      string
	log       *slog.Logger
	reg       *registry
	tap       *admin.Tap
	inputRate state.Meter // records

	buf             *buffer.Buffer // nil while it is being opened, and for sources
	opening         bool           // openBuffer is at work, and will report
	open            bool           // inputs and outputs have been started
	openErr         error
	retired         bool
	inputs          map[string]*inputUnit
	outputs         map[string]*outputUnit
	orphanedCursors []string

	// end is done when the logs of sources are to end for their outputs: they finish what they have
	// begun.
	end     context.Context
	endLogs context.CancelFunc
	gone    chan struct{}        // closed when nothing of the pipeline is left
	current atomic.Pointer[plan] // the current plan, for the sinks
}

type inputUnit struct {
	*supervised
	plan *inputPlan
	reg  *registry    // of the current instance; under supervised.mu
	own  inputs.Input // the current instance, nil if there is none; under supervised.mu
}

type outputUnit struct {
	*supervised
	plan *outputPlan
	reg  *registry   // of the unit, not of the output
	out  state.Meter // records that it has got rid of

	sources map[string]*registry // of the inputs whose logs it drains; under mu
}

func (a *Agent) newPipeline(p *plan) *pipeline {
	end, endLogs := context.WithCancel(context.Background())
	id := "pipeline." + p.spec.Name
	return &pipeline{
		a:       a,
		plan:    p,
		name:    p.spec.Name,
		log:     a.log.With("component", id),
		reg:     newRegistry(id),
		tap:     &admin.Tap{},
		inputs:  map[string]*inputUnit{},
		outputs: map[string]*outputUnit{},
		end:     end,
		endLogs: endLogs,
		gone:    make(chan struct{}),
	}
}

// opened is the outcome of opening a pipeline's buffer.
type opened struct {
	p               *pipeline
	buf             *buffer.Buffer
	orphanedCursors []string
	err             error
}

// openBuffer opens the pipeline's buffer once after is closed and pause is over, makes sure that
// every output has its cursor before any input can append, and reports the outcome.
func (p *pipeline) openBuffer(after <-chan struct{}, pause time.Duration) {
	if after != nil {
		<-after
	}
	out := opened{p: p}
	select {
	case <-time.After(pause):
	case <-p.end.Done():
		out.err = errStopping
	}
	if !p.plan.spec.Source && out.err == nil {
		out.buf, out.orphanedCursors, out.err = p.tryOpen()
	}
	p.a.opened <- out
}

func (p *pipeline) tryOpen() (*buffer.Buffer, []string, error) {
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
	p.a.registries.show(reg)
	return buf, p.findOrphanedCursors(buf), nil
}

// findOrphanedCursors returns the cursors that no output reads any more. They hold what they have
// not passed.
func (p *pipeline) findOrphanedCursors(buf *buffer.Buffer) []string {
	var out []string
	for _, c := range buf.Cursors() {
		if !slices.ContainsFunc(
			p.plan.outputs, func(o *outputPlan) bool { return o.id == c.Name },
		) {
			out = append(out, c.Name)
			p.log.Warn(
				"the buffer keeps data for an output that is not configured any more: configure it again to have it delivered, or give it up: stop the agent and run penstock buffer forget",
				"output", c.Name, "records", c.Lag, "buffer", p.a.dir("buffer", p.name),
			)
		}
	}
	return out
}

// run starts everything that the plan has and the pipeline has not, and stops what it has and the
// plan has not, or not any more like this. Nothing that goes on is touched. It returns what it
// stopped.
func (p *pipeline) run() (stopped []<-chan struct{}) {
	p.current.Store(p.plan)
	p.abandonUnresolved()
	after := map[string]<-chan struct{}{}
	for id, u := range p.outputs {
		if !slices.ContainsFunc(
			p.plan.outputs,
			func(o *outputPlan) bool {
				return o.id == id && p.outputFingerprint(o) == u.fingerprint
			},
		) {
			u.stop()
			after[id] = u.done
			stopped = append(stopped, u.done)
			delete(p.outputs, id)
			p.a.registries.hide(u.reg)
		}
	}
	for id, u := range p.inputs {
		if !slices.ContainsFunc(
			p.plan.inputs,
			func(in *inputPlan) bool { return in.id == id && in.fingerprint == u.fingerprint },
		) {
			u.stop()
			after[id] = u.done
			stopped = append(stopped, u.done)
			delete(p.inputs, id)
		}
	}
	for _, o := range p.plan.outputs {
		if p.outputs[o.id] == nil {
			p.outputs[o.id] = p.startOutput(o, after[o.id])
		}
	}
	for _, in := range p.plan.inputs {
		if p.inputs[in.id] == nil && in.make != nil {
			p.inputs[in.id] = p.startInput(in, after[in.id])
		}
	}
	p.open = true
	return stopped
}

// outputFingerprint is that of an output as it is supervised: for sources, what it reads from
// belongs to it.
func (p *pipeline) outputFingerprint(o *outputPlan) string {
	fingerprint := o.fingerprint
	for _, in := range p.plan.inputs {
		if in.source != nil {
			fingerprint += " " + in.fingerprint
		}
	}
	return fingerprint
}

func (p *pipeline) startInput(in *inputPlan, after <-chan struct{}) *inputUnit {
	u := &inputUnit{supervised: p.a.newSupervised(in.id, in.fingerprint, in.log), plan: in}
	u.start(p.a.opts.restart, after, func(ctx context.Context) error {
		if err := p.awaitResolved(ctx, in.id); err != nil {
			return err
		}
		reg := newRegistry(in.id)
		input, err := in.make(reg)
		if err != nil {
			return err
		}
		s := newSink(p.buf, in, input, reg, p)
		p.a.registries.show(reg)
		defer p.a.registries.hide(reg)
		u.show(reg, input)
		if err := input.Run(ctx, s); err != nil || ctx.Err() != nil {
			return err
		}
		p.log.Info("input has come to its end", "input", in.id)
		p.a.inputFinished()
		return nil
	})
	return u
}

// awaitResolved waits until outputs have found out what their destinations had committed before the
// last stop: until then it is not known where inputs go on.
func (p *pipeline) awaitResolved(ctx context.Context, input string) error {
	select {
	case <-p.buf.Resolved():
		return nil
	default:
	}
	p.log.Info(
		"the input starts once outputs know what their destinations had committed before the last stop",
		"input", input, "outputs", p.buf.UnresolvedCursors(),
	)
	select {
	case <-p.buf.Resolved():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// abandonUnresolved ends the wait for outputs that will not ask their destinations.
func (p *pipeline) abandonUnresolved() {
	if p.buf == nil {
		return
	}
	for _, name := range p.buf.UnresolvedCursors() {
		asks := func(o *outputPlan) bool {
			d, ok := o.output.Output.(*drain.Drainer)
			return o.id == name && ok && d.ExactlyOnce()
		}
		if slices.ContainsFunc(p.plan.outputs, asks) {
			continue
		}
		p.log.Warn(
			"an output that is gone, or no longer has delivery = \"exactly_once\", was committing when the agent stopped: what was in doubt is read again, and may be delivered again",
			"output", name,
		)
		if err := p.buf.Abandon(name); err != nil {
			p.log.Error("inputs cannot start", "error", err)
		}
	}
}

func (u *inputUnit) show(reg *registry, input inputs.Input) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reg, u.own = reg, input
}

// show makes the metrics of a source part of the status.
func (u *outputUnit) show(source string, reg *registry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sources == nil {
		u.sources = map[string]*registry{}
	}
	u.sources[source] = reg
}

func (p *pipeline) startOutput(o *outputPlan, after <-chan struct{}) *outputUnit {
	reg := newRegistry(o.id, "pipeline", p.name)
	u := &outputUnit{
		supervised: p.a.newSupervised(
			o.id, p.outputFingerprint(o), p.a.log.With("component", o.id, "pipeline", p.name),
		),
		plan: o,
		reg:  reg,
	}
	if p.buf != nil {
		lag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "penstock_output_lag_records",
			Help: "Records in the buffer that the output has not delivered.",
		}, func() float64 { return p.lag(o.id) })
		reg.MustRegister(lag)
		p.a.registries.show(reg)
		u.start(p.a.opts.restart, after, func(ctx context.Context) error { return p.drain(ctx, u) })
		return u
	}
	sources := p.plan.inputs
	u.start(
		p.a.opts.restart, after,
		func(ctx context.Context) error { return p.drainSources(ctx, u, sources) },
	)
	return u
}

func (p *pipeline) lag(output string) float64 {
	for _, c := range p.buf.Cursors() {
		if c.Name == output {
			return float64(c.Lag)
		}
	}
	return 0
}

// drain lets an output drain the buffer until it is sealed and empty.
func (p *pipeline) drain(ctx context.Context, u *outputUnit) error {
	o := u.plan
	cursor, err := p.buf.Cursor(o.id)
	if err != nil {
		return err
	}
	defer cursor.Close()
	v := o.view(cursor, logName(p.name, o.id))
	v.onCommit = func(n int64) { u.out.Add(float64(n), time.Now()) }
	return o.output.Drain(ctx, newView(v))
}

// drainSources lets an output drain all logs of the pipeline's sources. It is their only output, as
// the loader makes sure.
func (p *pipeline) drainSources(ctx context.Context, u *outputUnit, sources []*inputPlan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, in := range sources {
		wg.Go(func() {
			if err := p.drainSource(ctx, u, in); err != nil {
				cancel(fmt.Errorf("%s: %w", in.id, err))
			}
		})
	}
	wg.Wait()
	if p.end.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (p *pipeline) drainSource(ctx context.Context, u *outputUnit, in *inputPlan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reg := newRegistry(in.id)
	source, err := in.source(reg)
	if err != nil {
		return err
	}
	count := newInputCounters(reg)
	p.a.registries.show(reg)
	defer p.a.registries.hide(reg)
	u.show(in.id, reg)

	logs := newLogSet(p.end, cancel)
	defer logs.close()
	err = source.Run(ctx, func(ctx context.Context, log record.Log) error {
		defer logs.enter()()
		seen := func(b *record.Batch) {
			count.add(b)
			p.tap.Publish(b)
		}
		v := func() record.Log {
			v := u.plan.view(log, log.Name())
			v.end, v.onRead = p.end, seen
			return newView(v)
		}
		return u.persist(ctx, p.a.opts.restart, log.Name(), func(ctx context.Context) error {
			if p.end.Err() != nil {
				return nil // a log that comes while the agent stops is left as it is
			}
			err := u.plan.output.Drain(ctx, v())
			if err != nil && p.end.Err() != nil && ctx.Err() == nil &&
				!errors.Is(err, record.ErrFenced) {
				u.log.Info(
					"stopped in the middle of a log; its next owner goes on", "log", log.Name(),
					"reason", err,
				)
				return nil
			}
			return err
		})
	})
	if ctx.Err() != nil && (p.end.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	if err == nil && ctx.Err() == nil {
		return errors.New("the source ended by itself")
	}
	return err
}

// persist drains one log of a source until that ends, the log is lost, or ctx ends. A failure
// concerns this log alone.
func (u *outputUnit) persist(
	ctx context.Context, r restart, name string, drain func(context.Context) error,
) error {
	one := &supervised{id: u.id, log: u.log.With("log", name), restarts: u.restarts}
	var last error
	one.loop(ctx, r, func(ctx context.Context) error {
		last = drain(ctx)
		if errors.Is(last, record.ErrFenced) {
			return nil
		}
		if last != nil && ctx.Err() == nil {
			u.mu.Lock()
			u.err = name + ": " + last.Error()
			u.mu.Unlock()
		}
		return last
	})
	return last
}

// logSet counts the logs being drained, and cancels the source once end is done and none is left.
type logSet struct {
	mu     sync.Mutex
	n      int
	ended  bool
	cancel context.CancelFunc
	stop   func() bool
}

func newLogSet(end context.Context, cancel context.CancelFunc) *logSet {
	s := &logSet{cancel: cancel}
	s.stop = context.AfterFunc(end, func() { s.change(0, true) })
	return s
}

func (s *logSet) change(by int, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += by
	s.ended = s.ended || ended
	if s.ended && s.n == 0 {
		s.cancel()
	}
}

func (s *logSet) enter() (leave func()) {
	s.change(1, false)
	return func() { s.change(-1, false) }
}

func (s *logSet) close() { s.stop() }

// retire stops the pipeline, keeping what is in its buffer, and closes gone when that is done.
func (p *pipeline) retire() {
	p.retired = true
	p.endLogs()
	var done []<-chan struct{}
	for _, u := range p.inputs {
		u.stop()
		done = append(done, u.done)
	}
	for _, u := range p.outputs {
		u.stop()
		done = append(done, u.done)
		p.a.registries.hide(u.reg)
	}
	if p.opening {
		return // who receives the outcome finishes
	}
	go func() {
		waitAll(context.Background(), done...)
		p.finish(p.buf)
	}()
}

func (p *pipeline) finish(buf *buffer.Buffer) {
	if buf != nil {
		if err := buf.Close(); err != nil {
			p.log.Error("closing the buffer failed", "error", err)
		}
	}
	close(p.gone)
}

// inputsFinished tells whether every input has come to its natural end.
func (p *pipeline) inputsFinished() bool {
	for _, u := range p.inputs {
		if s, _, _ := u.status(); s != Finished {
			return false
		}
	}
	return p.open && len(p.inputs) > 0
}
