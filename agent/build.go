package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/drain"
)

// built is everything made from one configuration that has not been started.
type built struct {
	cfg     *config.Config
	outputs map[string]*output
	filters map[string]*builtFilter
	plans   []*plan
}

// output is an output's instance; pipelines that name it share it.
type output struct {
	id          string
	fingerprint string
	outputs.Output
	reg      *registry
	lastLine *lastLine
	// its dead letter, for what filters refuse
	deadLetter func(ctx context.Context, b *record.Batch, reason string) error
	letters    *deadletter.Store // where its dead letters go; nil for another place
	replays    *replays
}

type builtFilter struct {
	filter.Filter
	fingerprint string
	reg         *registry
}

// plan is a pipeline about to be started.
type plan struct {
	spec     *config.Pipeline
	buffer   string // fingerprint of all that cannot change while the buffer is open
	codec    record.Codec
	inputs   []*inputPlan
	outputs  []*outputPlan
	isRouted func(tag string) bool // nil: every tag has an output
	// an output passes on maps in msgpack as they came, and none has to make anew for that what it
	// could have passed on
	takesMaps bool
	front     *front // the filters in front of the buffer; nil for none
}

type inputPlan struct {
	id, fingerprint string
	lastLine        *lastLine
	log             *slog.Logger
	deadLetter      func(ctx context.Context, b *record.Batch, reason string) error
	front           *front
	owner           string   // the pipeline that reads it, where that is another one
	readers         []string // further pipelines that it feeds, by the buffer of this one
	namedBy         func(pipeline string) bool
	listens         []string // addresses
	make            func(reg *registry) (inputs.Input, error)
	source          func(reg *registry) (inputs.Source, error)
}

type outputPlan struct {
	id, fingerprint string
	output          *output
	chain           filter.Chain
	matches         func(tag string) bool // nil: every tag
	// fingerprint of chain and matches: what the output gets to see of a log
	viewFingerprint string
}

// view returns a log as the output is to see it.
func (o *outputPlan) view(log record.Log, name string) *view {
	return &view{
		Log:         log,
		name:        name,
		chain:       o.chain.ForLog(name),
		matches:     o.matches,
		fingerprint: o.viewFingerprint,
		deadLetter:  o.output.deadLetter,
	}
}

type builder struct {
	a       *Agent
	cfg     *config.Config
	old     *built // nil at first
	new     *built
	created []outputs.Output
	errs    []error
}

// Mistake is what is wrong with one component, found when it was made.
type Mistake struct {
	Component *config.Instance
	Err       error
}

func (m *Mistake) Error() string { return m.Component.ID() + ": " + m.Err.Error() }
func (m *Mistake) Unwrap() error { return m.Err }

// AddMistakes puts what New or Reload found into the report.
func AddMistakes(report *config.Report, err error) {
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all = many.Unwrap()
	}
	for _, err := range all {
		if m, ok := errors.AsType[*Mistake](err); ok {
			report.Mistake(m.Component, m.Err)
		} else {
			report.Failure(err)
		}
	}
}

// build makes all components of cfg that old does not have already. It starts nothing; on error
// nothing is left behind, and the error joins one Mistake for each component that cannot be made.
func (a *Agent) build(cfg *config.Config, old *built) (*built, error) {
	b := &builder{
		a:   a,
		cfg: cfg,
		old: old,
		new: &built{cfg: cfg, outputs: map[string]*output{}, filters: map[string]*builtFilter{}},
	}
	for _, p := range cfg.Pipelines {
		b.pipeline(p)
	}
	if err := errors.Join(b.errs...); err != nil {
		for _, o := range slices.Backward(b.created) {
			if cerr := o.Close(); cerr != nil {
				a.log.Warn("closing an output that was not needed", "error", cerr)
			}
		}
		return nil, err
	}
	return b.new, nil
}

func (b *builder) fail(inst *config.Instance, err error) {
	b.errs = append(b.errs, &Mistake{inst, err})
}

func (b *builder) pipeline(spec *config.Pipeline) {
	p := &plan{spec: spec, buffer: fmt.Sprint(spec.Source)}
	if !spec.Source {
		p.codec = b.codec(spec)
		p.buffer += config.Fingerprint(spec.Buffer) + spec.LatencyBudget.String()
	}
	var chain filter.Chain
	fingerprints := []string{}
	inFront, front := b.front(spec)
	p.front = front
	for _, id := range spec.Filter[inFront:] {
		if f := b.filter(id); f != nil {
			chain = append(chain, f.Filter)
			fingerprints = append(fingerprints, f.fingerprint)
			b.checkArchives(spec, id, f)
			b.checkMetric(id, f)
		}
	}
	r := newRoutes(spec)
	if routed := r.matcher(); routed != nil {
		p.isRouted = func(tag string) bool { return routed(chain.Tag(front.tag(tag))) }
	}
	for _, id := range spec.Outputs() {
		if out := b.output(id); out != nil {
			o := &outputPlan{
				id:              id,
				output:          out,
				chain:           chain,
				matches:         r.matcherFor(id),
				viewFingerprint: strings.Join(fingerprints, " "),
			}
			router := b.router(r, id)
			if router != nil {
				o.chain = append(slices.Clip(chain), router)
			}
			if o.matches != nil || router != nil {
				o.viewFingerprint += " " + routeFingerprint(spec, id)
			}
			o.fingerprint = out.fingerprint + " " + o.viewFingerprint
			p.outputs = append(p.outputs, o)
		}
	}
	p.takesMaps = b.takesMaps(spec, p)
	for _, id := range spec.From {
		b.input(p, id)
	}
	b.new.plans = append(b.new.plans, p)
}

// checkMetric refuses a metric that disagrees with another filter's of the same name.
func (b *builder) checkMetric(id string, f *builtFilter) {
	name, shape := filter.MetricOf(f.Filter)
	if name == "" {
		return
	}
	for other, o := range b.new.filters {
		if n, s := filter.MetricOf(o.Filter); n == name && s != shape {
			b.fail(
				b.cfg.Find(id),
				fmt.Errorf(
					"name: %s is %s, but in %s it is %s; give it another name", name, shape, other,
					s,
				),
			)
			return
		}
	}
}

// checkArchives refuses a filter before an output that makes the same objects again after a crash.
func (b *builder) checkArchives(spec *config.Pipeline, id string, f *builtFilter) {
	why := filter.WhyNoArchive(f.Filter)
	if why == "" {
		return
	}
	for _, out := range spec.Outputs() {
		if _, archive := b.cfg.Find(out).Common.(*outputs.ArchiveCommon); archive {
			b.fail(
				b.cfg.Find(id),
				fmt.Errorf(
					"%s, which %s cannot archive exactly once; put the filter before a topic, or before another output",
					why, out,
				),
			)
			return
		}
	}
}

// batchCompressor is implemented by the configurations of outputs that can pass batches on as they
// are in the buffer.
type batchCompressor interface {
	// BatchCompression returns how they must be compressed for that; "" if it cannot be.
	BatchCompression() string
}

// codec returns how the pipeline's buffer compresses. Where that is left open it is as the first of
// the outputs wants it that can have it so, and nothing need be compressed twice. What costs too
// much, or leaves the disk too full, is for an explicit wish.
func (b *builder) codec(spec *config.Pipeline) record.Codec {
	cfg := spec.Buffer.(*buffer.Config)
	if cfg.Compression == buffer.Auto && len(spec.Filter) == 0 {
		for _, id := range spec.Outputs() {
			if c, ok := b.cfg.Find(id).Config.(batchCompressor); ok {
				switch c.BatchCompression() {
				case "snappy":
					return record.Snappy
				case "lz4":
					return record.LZ4
				case "zstd":
					return record.Zstd
				}
			}
		}
	}
	return cfg.Options().Codec
}

// mapTaker is implemented by the configurations of outputs that can pass on maps in msgpack.
type mapTaker interface{ TakesMaps() bool }

// takesMaps reports whether the pipeline's buffer is to keep maps in msgpack as they came: what
// looks into records finds their JSON all the same, but has to make it.
func (b *builder) takesMaps(spec *config.Pipeline, p *plan) (takes bool) {
	for _, o := range p.outputs {
		cfg := b.cfg.Find(o.id).Config
		if c, ok := cfg.(mapTaker); ok && c.TakesMaps() {
			takes = takes || len(o.chain) == 0
		} else if c, ok := cfg.(batchCompressor); ok && c.BatchCompression() != "" {
			return false
		}
	}
	return takes && !spec.Source
}

func (b *builder) filter(id string) *builtFilter {
	if f, ok := b.new.filters[id]; ok {
		return f
	}
	inst := b.cfg.Find(id)
	fingerprint := config.Fingerprint(inst.Config, inst.Common)
	if b.old != nil && b.old.filters[id] != nil && b.old.filters[id].fingerprint == fingerprint {
		b.new.filters[id] = b.old.filters[id]
		return b.new.filters[id]
	}
	comp, err := b.a.opts.Catalogue.find(config.Filter, inst.Component.Type)
	if err != nil {
		b.fail(inst, err)
		return nil
	}
	reg := newRegistry(id)
	log, _ := componentLog(b.a.log, b.a.opts.Secrets, id)
	env := filter.Env{
		Name:    id,
		Agent:   b.cfg.Agent.Name,
		Metrics: reg,
		Log:     log,
		Dir:     b.a.dir("filters", id),
	}
	f, err := comp.filter(inst.Config, env)
	if common, ok := inst.Common.(*filter.Common); ok && err == nil {
		f, err = filter.With(f, *common, env)
	}
	if err != nil {
		b.fail(inst, err)
		return nil
	}
	b.new.filters[id] = &builtFilter{f, fingerprint, reg}
	return b.new.filters[id]
}

// output returns the output called id and, before it, those it refers to. It is nil if one of them
// cannot be made.
func (b *builder) output(id string) *output {
	if o, ok := b.new.outputs[id]; ok {
		return o
	}
	b.new.outputs[id] = nil // should it fail, it is reported once
	inst := b.cfg.Find(id)
	refs := map[string]*output{}
	fingerprints := []string{config.Fingerprint(inst.Config, inst.Common)}
	for _, r := range inst.Refs {
		if refs[r.Target] = b.output(r.Target); refs[r.Target] == nil {
			return nil
		}
		fingerprints = append(fingerprints, refs[r.Target].fingerprint)
	}
	fingerprint := strings.Join(fingerprints, "+")
	if b.old != nil && b.old.outputs[id] != nil && b.old.outputs[id].fingerprint == fingerprint {
		b.new.outputs[id] = b.old.outputs[id]
		return b.new.outputs[id]
	}
	comp, err := b.a.opts.Catalogue.find(config.Output, inst.Component.Type)
	if err != nil {
		b.fail(inst, err)
		return nil
	}
	reg := newRegistry(id)
	log, said := componentLog(b.a.log, b.a.opts.Secrets, id)
	env := outputs.Env{
		Name:    id,
		Agent:   b.cfg.Agent.Name,
		Log:     log,
		Metrics: reg,
		Dir:     b.a.dir("outputs", id),
	}
	var letters *deadletter.Store
	if archive, ok := inst.Common.(*outputs.ArchiveCommon); ok && archive.DeadLetter != nil {
		dead, err := b.deadLetter(env, *archive.DeadLetter, refs)
		if err != nil {
			b.fail(inst, err)
			return nil
		}
		letters, _ = dead.(*deadletter.Store)
		env.DeadLetter = deliver.DeadLetterFunc(dead, env, outputs.DefaultCommon().Retry)
	}
	deadLetter := env.DeadLetter
	common, _ := inst.Common.(*outputs.Common)
	targets, err := b.targets(env, common, refs)
	if err != nil {
		b.fail(inst, err)
		return nil
	}
	if deadLetter == nil {
		dead := targets.DeadLetter
		letters, _ = dead.(*deadletter.Store)
		if dead == nil {
			dead = b.a.deadLetters(b.a.dir("dead-letter", id))
		}
		deadLetter = deliver.DeadLetterFunc(dead, env, outputs.DefaultCommon().Retry)
	}
	out, err := comp.output(inst.Config, common, env, targets)
	if err != nil {
		b.fail(inst, err)
		return nil
	}
	if d, ok := out.(*drain.Drainer); ok { // archives count nothing but what they refuse themselves
		keep := deadLetter
		deadLetter = func(ctx context.Context, b *record.Batch, reason string) error {
			err := keep(ctx, b, reason)
			if err == nil {
				d.CountDead(b.Len())
			}
			return err
		}
	}
	b.created = append(b.created, out)
	b.new.outputs[id] = &output{
		id:          id,
		fingerprint: fingerprint,
		Output:      out,
		reg:         reg,
		lastLine:    said,
		deadLetter:  deadLetter,
		letters:     letters,
		replays:     newReplays(),
	}
	return b.new.outputs[id]
}

// targets resolves the references of an output's common part.
func (b *builder) targets(
	env outputs.Env, common *outputs.Common, refs map[string]*output,
) (drain.Targets, error) {
	var t drain.Targets
	if common == nil {
		return t, nil
	}
	var err error
	if t.DeadLetter, err = b.deadLetter(env, common.DeadLetter, refs); err != nil {
		return t, err
	}
	if common.Failover == nil {
		return t, nil
	}
	switch to := refs[common.Failover.To].Output.(type) {
	case outputs.Storer:
		t.Overflow = to.Store()
	case *drain.Drainer:
		t.Standby = to
	default:
		return t, fmt.Errorf(
			"failover.to: %s can neither hold overflow nor stand by; name an object store or a streaming output",
			common.Failover.To,
		)
	}
	return t, nil
}

func (b *builder) deadLetter(
	env outputs.Env, c outputs.DeadLetterConfig, refs map[string]*output,
) (outputs.DeadLetter, error) {
	switch {
	case c.To != "":
		switch to := refs[c.To].Output.(type) {
		case outputs.Storer:
			return deadletter.NewStore(to.Store(), env), nil
		case *drain.Drainer:
			return deadletter.To(to), nil
		}
		return nil, fmt.Errorf(
			"dead_letter.to: %s can take no refused records; name an object store, a streaming output, or a dir",
			c.To,
		)
	case c.Dir != "":
		return b.a.deadLetters(c.Dir), nil
	}
	return b.a.deadLetters(b.a.dir("dead-letter", env.Name)), nil
}

func (b *builder) input(p *plan, id string) {
	inst := b.cfg.Find(id)
	comp, err := b.a.opts.Catalogue.find(config.Input, inst.Component.Type)
	if err != nil {
		b.fail(inst, err)
		return
	}
	log, said := componentLog(b.a.log, b.a.opts.Secrets, id)
	env := inputs.Env{
		Name:        id,
		Agent:       b.cfg.Agent.Name,
		Log:         log,
		Dir:         b.a.dir("inputs", id),
		Descriptors: b.a.descriptors,
		Latency:     p.spec.LatencyBudget,
	}
	dead := b.a.deadLetters(b.a.dir("dead-letter", id))
	env.DeadLetter = deliver.DeadLetterFunc(
		dead,
		outputs.Env{Name: id, Agent: env.Agent, Log: log, Metrics: newRegistry(id), Dir: env.Dir},
		outputs.DefaultCommon().Retry,
	)
	in := &inputPlan{
		id:          id,
		fingerprint: config.Fingerprint(inst.Config),
		lastLine:    said,
		log:         log,
		deadLetter:  env.DeadLetter,
		front:       p.front,
	}
	if p.front != nil {
		in.fingerprint += " " + p.front.fingerprint
	}
	in.owner = p.spec.Feeds[id]
	in.readers = readersOf(b.cfg, p.spec.Name, id)
	in.namedBy = func(pipeline string) bool { return names(b.cfg, pipeline, id) }
	b.checkOwner(p, in)
	if len(in.readers) > 0 && p.spec.Buffer.(*buffer.Config).Spill {
		in.fingerprint += " shared" // see newSink
	}
	if in.owner != "" {
		in.fingerprint += " of " + in.owner
		p.inputs = append(p.inputs, in)
		return
	}
	if c, ok := inst.Config.(interface{ Listens() []string }); ok {
		in.listens = c.Listens()
	}
	if comp.source != nil {
		in.source = func(reg *registry) (inputs.Source, error) {
			e := env
			e.Metrics = reg
			return comp.source(inst.Config, e)
		}
		_, err = in.source(newRegistry(id))
	} else {
		in.make = func(reg *registry) (inputs.Input, error) {
			e := env
			e.Metrics = reg
			return comp.input(inst.Config, e)
		}
		_, err = in.make(newRegistry(id))
	}
	if err != nil {
		b.fail(inst, err)
		return
	}
	p.inputs = append(p.inputs, in)
}

// routeFingerprint is equal for pipelines that send the same tags to an output.
func routeFingerprint(p *config.Pipeline, id string) string {
	s := fmt.Sprint(slices.Contains(p.Otherwise, id))
	for _, r := range p.Routes {
		s += fmt.Sprintf("%q%q%v", r.Match, r.If, slices.Contains(r.To, id))
	}
	if p.Unrouted == config.UnroutedDeadLetter {
		s += p.Unrouted
	}
	return s
}

func (a *Agent) dir(kind, id string) string { return filepath.Join(a.dataDir, kind, id) }

// deadLetters returns the dead letter in a directory, of which there is one however many use it.
func (a *Agent) deadLetters(dir string) outputs.DeadLetter {
	if a.deadLetterDirs[dir] == nil {
		a.deadLetterDirs[dir] = deadletter.NewDir(dir)
	}
	return a.deadLetterDirs[dir]
}

// options returns the options of the pipeline's buffer.
func (p *plan) options(log *slog.Logger, reg *registry) buffer.Options {
	opts := p.spec.Buffer.(*buffer.Config).Options()
	opts.Codec, opts.Log, opts.Metrics, opts.Latency = p.codec, log, reg, p.spec.LatencyBudget
	opts.OpenFull = true
	return opts
}

// LogName names a cursor where one output may drain several pipelines.
func LogName(pipeline, output string) string {
	return pipeline + "." + strings.TrimPrefix(output, string(config.Output)+".")
}

var _ record.Log = (*view)(nil)

// errStopping ends what would otherwise wait for the agent's stop.
var errStopping = fmt.Errorf("the agent is stopping: %w", context.Canceled)
