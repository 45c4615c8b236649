package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/replay"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// grace is how long components may take to stop once they have been told to.
const grace = 10 * time.Second

// Options are what an agent is given beside its configuration.
type Options struct {
	Catalogue Catalogue
	Log       *slog.Logger
	Version   string
	// Notify tells a service manager what the agent is doing: the argument of sd_notify. Nil for
	// none.
	Notify func(state string)
	// Secrets is kept out of the status. Nil for none.
	Secrets *Secrets
	// OnReady is called with the address of the admin server once everything runs. Nil for none.
	OnReady func(addr string)

	restart restart
}

// Agent runs the pipelines of a configuration. Run is called once; all other methods are safe for
// concurrent use.
type Agent struct {
	opts           Options
	log            *slog.Logger
	recent         *recent
	dataDir        string
	started        time.Time
	registries     *registries
	metrics        *ownMetrics
	deadLetterDirs map[string]*deadletter.Dir
	descriptors    *inputs.Descriptors
	pacer          pacer
	processors     *processors

	audit  *auditing // nil unless counts are published
	paused *pauses   // nil before Run
	mailbox
	closers []<-chan struct{}
	stopped chan struct{} // closed when Run returns
	lent    lentBuffers

	mu        sync.Mutex // held to change what follows, and by others to read it
	cur       *built
	pipelines map[string]*pipeline
	leaving   map[string]<-chan struct{}  // by name, of pipelines that are not configured any more
	listeners []listener                  // inputs
	unclaimed map[string]*state.Unclaimed // by name, of pipelines that are not configured any more
	changed   chan struct{}               // closed, and made anew, with each change
	phase     phase
	reloaded  admin.Reload
	loaded    time.Time                   // when cur was
	note      string                      // what of its files is not in force
	byHand    map[string]*replay.Progress // by output, of dead letters that are brought back
	returned  map[string]int64            // by output, dead letters brought back since the start
	sinceWhen map[string]time.Time        // problems of which nobody tells since when they are
}

// phase is how far the agent has come.
type phase struct{ ready, stopping bool }

// mailbox is what others want of the goroutine of Run.
type mailbox struct {
	drains   chan draining // asked for by Drain
	reloads  chan reload
	opened   chan opened
	finished chan struct{} // capacity 1: an input has come to its end
}

// New makes everything that cfg names and starts nothing. The error joins one Mistake for each
// component that cannot be made.
func New(cfg *config.Config, opts Options) (*Agent, error) {
	if opts.Notify == nil {
		opts.Notify = func(string) {}
	}
	if opts.restart == (restart{}) {
		opts.restart = defaultRestart
	}
	remembered := &recent{secrets: opts.Secrets}
	opts.Log = remembered.watch(opts.Log)
	a := &Agent{
		opts:           opts,
		recent:         remembered,
		log:            opts.Log,
		dataDir:        cfg.Agent.DataDir,
		started:        time.Now(),
		loaded:         time.Now(),
		registries:     newRegistries(),
		deadLetterDirs: map[string]*deadletter.Dir{},
		descriptors:    inputs.NewDescriptors(),
		mailbox: mailbox{
			drains:   make(chan draining),
			reloads:  make(chan reload),
			opened:   make(chan opened),
			finished: make(chan struct{}, 1),
		},
		stopped:    make(chan struct{}),
		processors: newProcessors(),
		pipelines:  map[string]*pipeline{},
		leaving:    map[string]<-chan struct{}{},
		unclaimed:  map[string]*state.Unclaimed{},
		changed:    make(chan struct{}),
		byHand:     map[string]*replay.Progress{},
		returned:   map[string]int64{},
		lent:       lentBuffers{byName: map[string]*lentBuffer{}},
	}
	a.metrics = newOwnMetrics(a)
	var err error
	if a.cur, err = a.build(cfg, nil); err != nil {
		return nil, err
	}
	if a.audit, err = newAuditing(cfg, opts, a.started); err != nil {
		return nil, errors.Join(err, a.Discard())
	}
	return a, nil
}

// Discard closes what New has made, for an agent that is not run.
func (a *Agent) Discard() error {
	var errs []error
	for _, o := range a.cur.outputs {
		errs = append(errs, o.Close())
	}
	if a.audit != nil {
		errs = append(errs, a.audit.place.Close())
	}
	return errors.Join(errs...)
}

// Run runs the agent until ctx ends, or until all its inputs have come to their end and everything
// has been delivered. Then inputs stop, and outputs deliver what they can within the shutdown
// timeout; what is left stays in the buffers and is no error. An error means that the agent could
// not start.
func (a *Agent) Run(ctx context.Context) error {
	defer close(a.stopped)
	if err := os.MkdirAll(a.dataDir, 0o750); err != nil {
		return errors.Join(fmt.Errorf("data_dir: %w", err), a.Discard())
	}
	if err := dataformat.Mark(a.dataDir, config.DataDirFormat); err != nil {
		return errors.Join(fmt.Errorf("data_dir: %w", err), a.Discard())
	}
	paused, err := loadPauses(a.dataDir)
	if err != nil {
		return errors.Join(fmt.Errorf("data_dir: %w", err), a.Discard())
	}
	a.paused = paused
	a.setMemory(a.cur.cfg.Agent.MemoryLimit)
	defer a.pacer.start()()
	defer a.processors.start()()
	srv, err := a.startAdmin(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("admin.listen: %w", err), a.Discard())
	}
	defer srv.Close()
	defer a.startPush(ctx)()
	defer a.startAuditing(ctx)()
	watchdog := startWatchdog(a.opts.Notify, a.canLock)
	defer watchdog()
	defer keepSmall()()

	a.show(a.cur)
	a.set(func() { a.lookForUnclaimed(a.cur.plans) })
	for _, p := range a.cur.plans {
		a.startPipeline(p, nil)
	}
	if err := a.awaitStart(ctx); err != nil {
		a.stop(ctx, 0)
		return err
	}
	if ctx.Err() == nil {
		a.set(func() { a.phase.ready = true })
		a.opts.Notify("READY=1")
		a.log.Info(
			"running", "version", a.opts.Version, "pipelines", len(a.pipelines),
			"admin", srv.Addr(), "socket", srv.Socket(),
		)
		if a.opts.OnReady != nil {
			a.opts.OnReady(srv.Addr())
		}
	}
	watch := stateWatch{
		states: a.states, sentence: a.sentence, mask: a.opts.Secrets.Mask, notify: a.opts.Notify,
		log: a.log,
	}
	defer watch.run()()
	a.loop(ctx)
	return nil
}

// portPatience is how long the address of the admin server may be taken: a predecessor that was
// killed has it until the kernel has done away with its memory.
const portPatience = 10 * time.Second

// startAdmin starts the admin server. An address that is taken is waited for.
func (a *Agent) startAdmin(ctx context.Context) (*admin.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, portPatience)
	defer cancel()
	told := false
	o := admin.Options(a.cur.cfg.Agent.Admin)
	o.Socket = a.cur.cfg.Agent.AdminSocket()
	for {
		srv, err := admin.Start(o, a, a.log)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) ||
			fault.Sleep(ctx, 100*time.Millisecond) != nil {
			return srv, err
		}
		if !told {
			told = true
			a.log.Warn(
				"the address of the admin server is taken; it is waited for", "error", err,
				"for", portPatience.String(),
				"do", "nothing if an agent was just killed or is ending; else see who listens there",
			)
		}
	}
}

// awaitStart waits for the buffers of all pipelines, but not for room on the disk.
func (a *Agent) awaitStart(ctx context.Context) error {
	var errs []error
	tried := map[string]bool{}
	for len(tried) < len(a.pipelines) {
		o := <-a.opened // opening takes no longer than reading one segment
		a.handleOpened(o)
		tried[o.p.name] = true
		if o.err != nil && !buffer.IsFull(o.err) {
			errs = append(errs, fmt.Errorf("pipeline.%s: %w", o.p.name, o.err))
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs...)
}

// loop handles what happens, until the agent is to stop, and stops it.
func (a *Agent) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			a.log.Info(
				"stopping: delivering what can be delivered in time",
				"timeout", a.cur.cfg.Agent.ShutdownTimeout.String(),
			)
			a.stop(ctx, a.cur.cfg.Agent.ShutdownTimeout)
			return
		case r := <-a.reloads:
			r.result <- a.apply(r.cfg)
		case o := <-a.opened:
			a.handleOpened(o)
		case d := <-a.drains:
			a.drain(ctx, d)
			a.stop(ctx, 0)
			return
		case <-a.finished:
			if a.allFinished() {
				a.log.Info("all inputs have come to their end: delivering what is left")
				a.drainAll(ctx)
				a.stop(ctx, a.cur.cfg.Agent.ShutdownTimeout)
				return
			}
		}
	}
}

func (a *Agent) allFinished() bool {
	for _, p := range a.pipelines {
		if !p.inputsFinished() {
			return false
		}
	}
	return true
}

// drainAll lets the outputs deliver everything, or until ctx ends.
func (a *Agent) drainAll(ctx context.Context) {
	var done []<-chan struct{}
	for _, p := range a.pipelines {
		if p.buf != nil {
			p.buf.Seal()
		}
		for _, u := range p.outputs {
			done = append(done, u.done)
		}
	}
	waitAll(ctx, done...)
}

func (a *Agent) inputFinished() {
	select {
	case a.finished <- struct{}{}:
	default:
	}
}

func (a *Agent) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// await waits until cond, which is called with the lock held, or until ctx ends.
func (a *Agent) await(ctx context.Context, cond func() bool) error {
	for {
		a.mu.Lock()
		ok, changed := cond(), a.changed
		a.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// show makes the metrics of built components visible.
func (a *Agent) show(b *built) {
	for _, o := range b.outputs {
		a.registries.show(o.reg)
	}
	for _, f := range b.filters {
		a.registries.show(f.reg)
	}
}

// startPipeline begins to open a pipeline's buffer once after is closed.
func (a *Agent) startPipeline(pl *plan, after <-chan struct{}) {
	p := a.newPipeline(pl)
	p.opening = true
	a.set(func() { a.pipelines[p.name] = p })
	go p.openBuffer(after, 0)
}

// handleOpened starts a pipeline whose buffer is open.
func (a *Agent) handleOpened(o opened) {
	p := o.p
	if p.retired {
		p.finish(o.buf)
		return
	}
	a.set(func() {
		p.buf, p.openErr, p.opening = o.buf, o.err, false
		p.orphans = o.orphans
	})
	if o.err == nil {
		a.set(func() { p.run() })
		return
	}
	if !a.isReady() && !buffer.IsFull(o.err) {
		return // a mistake at the start ends the agent
	}
	p.log.Error(
		"the buffer cannot be opened; it is tried again until it can", "error", o.err,
		"in", a.opts.restart.max.String(),
	)
	p.opening = true
	go p.openBuffer(nil, a.opts.restart.max)
}

func (a *Agent) isReady() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.phase.ready
}

// stop stops inputs, seals the buffers, gives outputs until timeout to deliver, and closes
// everything.
func (a *Agent) stop(ctx context.Context, timeout time.Duration) {
	a.set(func() { a.phase.stopping, a.phase.ready = true, false })
	a.opts.Notify("STOPPING=1")
	for _, o := range a.cur.outputs {
		o.replays.stop(ended("the agent stops: replay again once it runs"))
	}
	ctx = context.WithoutCancel(ctx)
	told := time.Now()
	drain, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all := slices.Collect(maps.Values(a.pipelines))
	var outs []<-chan struct{}
	for _, p := range all {
		for _, u := range p.outputs {
			outs = append(outs, u.done)
		}
	}
	if !a.stopInputs(drain, all, silence) && timeout > 0 {
		a.log.Warn("inputs did not stop in time")
	}
	for _, p := range all {
		if p.buf != nil {
			p.buf.Seal()
		}
	}
	began := time.Now()
	if !a.awaitOutputs(drain, all) && timeout > 0 {
		a.log.Warn(
			"not everything could be delivered in time: the rest is on disk and is delivered after the next start",
			"waited", time.Since(began).Round(time.Millisecond).String(),
		)
	}

	last, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var gone []<-chan struct{}
	for _, p := range all {
		p.retire(inputPatience - time.Since(told))
		gone = append(gone, p.gone)
	}
	go a.takeOpened(last)
	if !waitAll(last, outs...) {
		a.log.Error(
			"outputs did not stop; what they were doing is abandoned, and repeated after the next start",
		)
	} else {
		// Pipelines that a reload has stopped may not have ended yet, and use them.
		closed := a.closeOutputs(slices.Collect(maps.Values(a.cur.outputs)), a.closers)
		gone = append(gone, closed)
	}
	if !waitAll(last, append(gone, a.closers...)...) {
		a.log.Error("not everything could be closed in time; nothing that was acknowledged is lost")
	}
	for _, d := range a.deadLetterDirs {
		if err := d.Close(); err != nil {
			a.log.Warn("closing a dead letter failed", "error", err)
		}
	}
	a.log.Info("stopped")
}

// takeOpened receives from pipelines that were still being opened when the agent stopped.
func (a *Agent) takeOpened(ctx context.Context) {
	for {
		select {
		case o := <-a.opened:
			o.p.finish(o.buf)
		case <-ctx.Done():
			return
		}
	}
}

// closeOutputs closes outputs after others have ended, each before those it refers to, and tells
// when that is done.
func (a *Agent) closeOutputs(old []*output, after []<-chan struct{}) <-chan struct{} {
	for _, o := range old {
		o.replays.stop(ended("a reload has replaced " + o.id + ", or removed it: replay again"))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		waitAll(context.Background(), after...)
		// Fingerprints hold those of what an output refers to, so that they are longer.
		slices.SortFunc(
			old, func(x, y *output) int { return len(y.fingerprint) - len(x.fingerprint) },
		)
		for _, o := range old {
			o.replays.sending.Wait()
			if err := o.Close(); err != nil {
				a.log.Warn("closing an output failed", "component", o.id, "error", err)
			}
			a.registries.hide(o.reg)
		}
	}()
	return done
}

func (a *Agent) newSupervised(id, fingerprint string, log *slog.Logger) *supervised {
	return &supervised{
		id:          id,
		fingerprint: fingerprint,
		log:         log,
		restarts:    a.metrics.restarts.WithLabelValues(id),
	}
}

// ownMetrics are those of the agent itself.
type ownMetrics struct {
	restarts *prometheus.CounterVec
	reloads  *prometheus.CounterVec
}

func newOwnMetrics(a *Agent) *ownMetrics {
	m := &ownMetrics{
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_component_restarts_total",
			Help: "Times a component failed as a whole and was started again.",
		}, []string{"component"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_agent_reloads_total", Help: "Reloads of the configuration, by outcome.",
		}, []string{"result"}),
	}
	reg := &registry{name: "agent", all: prometheus.NewRegistry()}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "penstock_agent_info", Help: "1, with the version and the name of the agent.",
		ConstLabels: prometheus.Labels{"version": a.opts.Version},
	})
	info.Set(1)
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_agent_ready", Help: "1 if the agent is ready: /readyz says why it is not.",
	}, func() float64 {
		if ok, _ := a.Ready(); ok {
			return 1
		}
		return 0
	})
	refused := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_agent_reload_refused",
		Help: "1 while the last configuration that was read is refused and the one before it is in force.",
	}, func() float64 {
		isRefused := func(p state.Problem) bool { return p.Kind == state.ReloadRefused }
		if slices.ContainsFunc(a.Own(), isRefused) {
			return 1
		}
		return 0
	})
	reg.all.MustRegister(
		m.restarts, m.reloads, info, ready, refused, stateCollector{a.States},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, result := range []string{"applied", "refused"} {
		m.reloads.WithLabelValues(result)
	}
	a.registries.show(reg)
	return m
}
