package agent

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/prometheus/client_golang/prometheus"
)

// pipeline is a plan that has been started: its buffer is opened (opening.go), or it reads sources
// that are logs already (sources.go). The goroutine of Agent.Run owns it; others read it under
// Agent.mu.
type pipeline struct {
	a         *Agent
	plan      *plan
	name      string
	log       *slog.Logger
	reg       *registry
	tap       *admin.Tap
	inputRate state.Meter             // records
	auditor   atomic.Pointer[auditor] // of the buffer; nil before it is open

	pipelineBuffer
	open     bool // inputs and outputs have been started
	retired  bool
	inputs   map[string]*inputUnit
	outputs  map[string]*outputUnit
	orphans  []state.Orphan
	lastRuns map[string]<-chan struct{} // of inputs: when they ended that are gone

	fronts         sync.Mutex
	orphanedInputs []string // that are gone, and of which something is held; under fronts

	// end is done when the logs of sources are to end for their outputs: they finish what they have
	// begun.
	end     context.Context
	endLogs context.CancelFunc
	gone    chan struct{}        // closed when nothing of the pipeline is left
	current atomic.Pointer[plan] // the current plan, for the sinks
}

// pipelineBuffer is the buffer of a pipeline, or how its opening goes.
type pipelineBuffer struct {
	buf     *buffer.Buffer // nil while it is being opened, and for sources
	opening bool           // openBuffer is at work, and will report
	openErr error
}

type inputUnit struct {
	*supervised
	tap  admin.Tap // what it has taken in
	plan *inputPlan
	reg  *registry    // of the current instance; under supervised.mu
	own  inputs.Input // the current instance, nil if there is none; under supervised.mu
	sink *sink        // of the current instance; under supervised.mu
}

type outputUnit struct {
	*supervised
	tap  admin.Tap // what it is given
	plan *outputPlan
	reg  *registry   // of the unit, not of the output
	out  state.Meter // records that it has got rid of

	// by log: what waits in the overflow, as far as last known; under Agent.mu
	stored  map[string]overflow.State
	sources map[string]runningSource // the inputs whose logs it drains; under mu
	broken  brokenLogs
}

func (a *Agent) newPipeline(p *plan) *pipeline {
	end, endLogs := context.WithCancel(context.Background())
	id := "pipeline." + p.spec.Name
	return &pipeline{
		a:        a,
		plan:     p,
		name:     p.spec.Name,
		log:      a.log.With("component", id),
		reg:      newRegistry(id),
		tap:      &admin.Tap{},
		inputs:   map[string]*inputUnit{},
		outputs:  map[string]*outputUnit{},
		lastRuns: map[string]<-chan struct{}{},
		end:      end,
		endLogs:  endLogs,
		gone:     make(chan struct{}),
	}
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
			if _, ok := u.plan.output.Output.(archive); ok {
				u.replace() // it may have begun a cut
			} else {
				u.stop()
			}
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
			p.lastRuns[id] = u.done
			delete(p.inputs, id)
		}
	}
	for _, o := range p.plan.outputs {
		if p.outputs[o.id] == nil {
			p.outputs[o.id] = p.startOutput(o, after[o.id])
		}
	}
	for _, in := range p.plan.inputs {
		if p.inputs[in.id] == nil && in.source == nil {
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
	u.finished = p.a.inputFinished
	after = p.a.whenFree(in.listens, after)
	u.start(p.a.opts.restart, after, func(ctx context.Context) error {
		if err := p.awaitResolved(ctx, in.id); err != nil {
			return err
		}
		if in.owner != "" {
			return p.runReader(ctx, u)
		}
		reg := newRegistry(in.id)
		p.a.processors.all()
		input, err := in.make(reg)
		if err != nil {
			return err
		}
		s := newSink(p.buf, in, input, reg, p)
		s.tap = &u.tap
		if err := p.openFront(ctx, s, in.front); err != nil {
			return err
		}
		p.a.registries.show(reg)
		defer p.a.registries.hide(reg)
		u.show(reg, input, s)
		if err = p.takeOver(ctx, s); err == nil {
			err = p.inherit(ctx, s, input)
		}
		if err == nil {
			err = input.Run(ctx, s)
		}
		s.closeFront(p.deliversHeld(in, ctx.Err() != nil, err))
		if err != nil || ctx.Err() != nil {
			return err
		}
		p.log.Info("input has come to its end", "input", in.id)
		return nil
	})
	for _, address := range in.listens {
		p.a.listeners = append(p.a.listeners, listener{address, u.done})
	}
	return u
}

// listener is an input of any pipeline that listens, until done is closed.
type listener struct {
	address string
	done    <-chan struct{}
}

func (l listener) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// whenFree returns what is closed once after is and nobody listens at the addresses; nil if there
// is nothing to wait for. A configuration has no two inputs at one: who listens there is to stop.
func (a *Agent) whenFree(addresses []string, after <-chan struct{}) <-chan struct{} {
	var all []<-chan struct{}
	if after != nil {
		all = append(all, after)
	}
	a.listeners = slices.DeleteFunc(a.listeners, listener.ended)
	for _, l := range a.listeners {
		if slices.ContainsFunc(addresses, func(address string) bool {
			return config.SameSocket(address, l.address)
		}) {
			all = append(all, l.done)
		}
	}
	if len(all) == 0 {
		return nil
	}
	free := make(chan struct{})
	go func() {
		defer close(free)
		waitAll(context.Background(), all...)
	}()
	return free
}

// runReader is an input of which another pipeline is the owner.
func (p *pipeline) runReader(ctx context.Context, u *inputUnit) error {
	in := u.plan
	reg := newRegistry(in.id, "pipeline", p.name)
	s := newSink(p.buf, in, nil, reg, p)
	s.tap = &u.tap
	if err := p.openFront(ctx, s, in.front); err != nil {
		return err
	}
	p.a.registries.show(reg)
	defer p.a.registries.hide(reg)
	u.show(reg, nil, s)
	err := p.follow(ctx, s, in)
	stopped := ctx.Err() != nil || p.end.Err() != nil
	s.closeFront(p.deliversHeld(in, stopped, err))
	return err
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

func (u *inputUnit) show(reg *registry, input inputs.Input, s *sink) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reg, u.own, u.sink = reg, input, s
}

// runningSource is the current instance of an input that is a log already.
type runningSource struct {
	reg  *registry
	own  inputs.Source
	rate *state.Meter // records that are read
}

// show makes a source part of the status.
func (u *outputUnit) show(id string, source runningSource) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sources == nil {
		u.sources = map[string]runningSource{}
	}
	u.sources[id] = source
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
		}, func() float64 { return float64(p.lag(o.id)) })
		reg.MustRegister(lag)
		p.a.registries.show(reg)
		u.start(p.a.opts.restart, after, func(ctx context.Context) error {
			return p.a.paused.while(ctx, o.id, func(ctx context.Context) error {
				return o.output.whileAsking(ctx, func() error { return p.drain(ctx, u) })
			}, func(ctx context.Context) { p.watchOverflow(ctx, u) })
		})
		return u
	}
	sources := p.plan.inputs
	u.start(
		p.a.opts.restart, after,
		func(ctx context.Context) error {
			return p.a.paused.while(ctx, o.id, func(ctx context.Context) error {
				return o.output.whileAsking(ctx, func() error {
					return p.drainSources(ctx, u, sources)
				})
			}, func(context.Context) {})
		},
	)
	return u
}

// whileAsking has the store of the output's dead letters asked until run returns.
func (o *output) whileAsking(ctx context.Context, run func() error) error {
	if o.letters == nil {
		return run()
	}
	ctx, end := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() { o.letters.Ask(ctx) })
	defer asking.Wait()
	defer end()
	return run()
}

// overflowEvery is how often it is looked what waits in the overflow of an output that is paused,
// overflowRetry how soon again when the store does not say. Others may bring it back meanwhile.
const (
	overflowEvery = time.Minute
	overflowRetry = 5 * time.Second
)

// watchOverflow keeps known what waits in the overflow of an output that is paused, until ctx ends.
func (p *pipeline) watchOverflow(ctx context.Context, u *outputUnit) {
	d, ok := u.plan.output.Output.(*drain.Drainer)
	if !ok || d.FailoverTo() == "" {
		return
	}
	log := LogName(p.name, u.id)
	for {
		note := ""
		for _, c := range p.buf.Cursors() {
			if c.Name == u.id {
				note = c.Note
			}
		}
		s, err := d.Waiting(ctx, log, note)
		if ctx.Err() != nil {
			return
		}
		wait := overflowEvery
		p.a.set(func() {
			if err != nil {
				s, wait = u.stored[log], overflowRetry
				s.StoreError = err.Error()
			}
			u.remember(log, s)
		})
		if fault.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// remember keeps what waits in the overflow. Agent.mu is held.
func (u *outputUnit) remember(log string, s overflow.State) {
	if u.stored == nil {
		u.stored = map[string]overflow.State{}
	}
	u.stored[log] = s
}

func (p *pipeline) lag(cursor string) int64 {
	for _, c := range p.buf.Cursors() {
		if c.Name == cursor {
			return c.Lag
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
	v := o.view(cursor, LogName(p.name, o.id))
	v.tap, v.pass = &u.tap, p.a.processors.pass
	v.onCommit = func(n int64) { u.out.Add(float64(n), time.Now()) }
	return o.output.Drain(ctx, v)
}

// inputPatience is how long inputs that were stopped may take to store what they have taken: a
// little longer than they try to.
const inputPatience = framing.Grace + time.Second

// retire stops the pipeline, keeping what is in its buffer, and closes gone when that is done.
// Outputs go on while inputs have something to store, for as long as patience lasts: if the buffer
// is full, only what is delivered makes room for it. Inputs may wait for the outcome for ever: what
// cannot be stored by then is refused by the buffer, as it is closed, and that ends them.
func (p *pipeline) retire(patience time.Duration) {
	p.retired = true
	p.endLogs()
	var inputs []<-chan struct{}
	for _, u := range p.inputs {
		u.stop()
		inputs = append(inputs, u.done)
	}
	for _, u := range p.outputs {
		p.a.registries.hide(u.reg)
	}
	if p.opening {
		return // who receives the outcome finishes
	}
	go func() {
		patient, cancel := context.WithTimeout(context.Background(), patience)
		waitAll(patient, inputs...)
		cancel()
		var outputs []<-chan struct{}
		for _, u := range p.outputs {
			u.stop()
			outputs = append(outputs, u.done)
		}
		waitAll(context.Background(), outputs...)
		p.closeBuffer(p.buf)
		waitAll(context.Background(), inputs...)
		close(p.gone)
	}()
}

func (p *pipeline) finish(buf *buffer.Buffer) {
	p.closeBuffer(buf)
	close(p.gone)
}

func (p *pipeline) closeBuffer(buf *buffer.Buffer) {
	if buf == nil {
		return
	}
	if err := buf.Close(); err != nil {
		p.log.Error("closing the buffer failed", "error", err)
	}
}

// inputsFinished reports whether every input has come to its natural end.
func (p *pipeline) inputsFinished() bool {
	for _, u := range p.inputs {
		if s, _, _ := u.status(); s != Finished {
			return false
		}
	}
	return p.open && len(p.inputs) > 0
}
